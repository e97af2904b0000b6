"""Steering by a latent and by its rivals, on a dictionary made by hand in which every answer is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lib.data.pairs import Facts
from lib.encoders.embeddings import Embeddings
from lib.papers.common.setting import Setting
from lib.papers.p3 import concept_steering
from lib.papers.p3.concept_steering import _from, mean_difference, steering_summary, steering_table
from lib.papers.p3.pair_dictionaries import Material, Shared
from lib.sae.config import SAEConfig
from lib.sae.models.topk import TopK

CONCEPTS = ("kind:a", "kind:b", "kind:c")
ROWS = 90


def dictionary(d: int) -> TopK:
    """A latent for each dimension."""
    sae = TopK(SAEConfig("topk", d, 2), d)
    with torch.no_grad():
        sae.encoder.copy_(torch.eye(d))
        sae.W_dec.copy_(torch.eye(d))
        sae.b_enc.zero_()
        sae.b_dec.zero_()
    return sae.eval()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Material, Shared]:
    """Every row shows one of three concepts, its first three dimensions, and a private dimension of the other three."""
    monkeypatch.setattr(concept_steering, "QUERIES", 10)
    monkeypatch.setattr(concept_steering, "GALLERY", 45)
    rng = np.random.default_rng(0)
    shows = np.arange(ROWS) % 3
    facts = Facts(CONCEPTS, shows[:, None] == np.arange(3), (shows[:, None] == np.arange(3))[:, None])
    rows = np.zeros((ROWS, 6), np.float32)
    rows[np.arange(ROWS), shows] = 0.6
    rows[np.arange(ROWS), 3 + rng.integers(3, size=ROWS)] = 0.8
    pairs = Embeddings(np.arange(ROWS).astype(str), rows, rows, "made", True, {"made": ROWS})
    material = Material(pairs, pairs, ("image", "text"), Setting(width=6, k=2, steps=1))
    sae = dictionary(6)
    codes = {tower: sae.codes(pairs, tower) for tower in material.towers}
    one = Shared("GSAE", 0, dict.fromkeys(material.towers, sae), codes)
    session = SimpleNamespace(world=SimpleNamespace(facts=lambda split: facts))
    return session, material, one


def test_the_latent_and_the_direction_of_a_concept_find_it_and_another_concepts_latent_does_not(
    world: tuple[Any, Material, Shared],
) -> None:
    session, material, one = world
    table = steering_table(session, material, [one], "kind")
    assert table.concept.tolist() == list(CONCEPTS)
    assert (table.after > table.before + 0.05).all() and (table.direction > table.before + 0.05).all()
    assert (table.other < table.before).all()
    assert (table.random <= table.after).all()


def test_the_direction_is_the_difference_of_mean_texts(world: tuple[Any, Material, Shared]) -> None:
    session, material, _ = world
    mentioned = session.world.facts("train").mentioned[:, 0, 1]
    direction = mean_difference(material, mentioned)
    assert np.linalg.norm(direction) == pytest.approx(1) and direction.argmax() == 1
    texts = material.train.text
    assert texts is not None
    plain = texts[mentioned].mean(axis=0) - texts[~mentioned].mean(axis=0)
    np.testing.assert_allclose(direction, plain / np.linalg.norm(plain), atol=1e-6)


def test_another_concepts_latent_is_the_next_that_differs() -> None:
    latents = [4, 4, 7, 9]
    assert [_from(latents, place)[1] for place in range(4)] == [7, 7, 9, 4]
    assert _from([4, 4], 0) == [4, 4]


def test_gains_are_means_over_concepts() -> None:
    base = {"arm": "GSAE", "seed": 0}
    rows = [
        {**base, "concept": "a", "before": 0.1, "after": 0.5, "random": 0.1, "other": 0.0, "direction": 0.7},
        {**base, "concept": "b", "before": 0.3, "after": 0.5, "random": 0.4, "other": 0.2, "direction": 0.9},
    ]
    found = steering_summary(pd.DataFrame(rows)).iloc[0]
    gains = {"gain": 0.3, "random_gain": 0.05, "other_gain": -0.1, "direction_gain": 0.6}
    assert found[list(gains)].to_dict() == pytest.approx(gains)
