"""The control whose encoder rows are the centroids of k-means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from lib.sae.config import TwoTowerConfig
from lib.sae.models.kmeans import centre_towers, kmeans
from tests.sae.reference import toy


def test_centroids_encode_with_k_latents_and_follow_the_seed() -> None:
    data, config = toy(300, 6), TwoTowerConfig("vl_sae", 16, 4)
    middle = centre_towers(data, data)
    assert abs(middle.tower("text").mean(axis=0)).max() < 1e-6
    centroids = kmeans(config, middle, seed=0)
    assert (np.diff(centroids.codes(middle, "image").indptr) == 4).all()
    assert torch.equal(centroids.encoder, kmeans(config, middle, seed=0).encoder)


def test_centroids_are_those_of_directions_whatever_the_norms() -> None:
    rng = np.random.default_rng(0)
    directions, _ = np.linalg.qr(rng.standard_normal((5, 3)))
    rows = directions.T[np.arange(60) % 3] * rng.uniform(0.01, 100, (2, 60, 1))
    image, text = rows.astype(np.float32)
    found = kmeans(TwoTowerConfig("vl_sae", 3, 1), replace(toy(60, 5), image=image, text=text), seed=0).encoder[0]
    order = [int((directions.T @ row).argmax()) for row in found.detach().numpy()]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(found.detach().numpy(), directions.T[order], atol=1e-5)
