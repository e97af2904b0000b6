"""Dictionaries at exactly equal sparsity, against a full sort of all pre-activations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lib.encoders.embeddings import Embeddings
from lib.metrics import equal_sparsity
from lib.metrics.fidelity import fidelity
from lib.sae.base import SAE, one_tower
from lib.sae.config import SAEConfig
from lib.sae.recipes import build


@pytest.fixture
def rows() -> Embeddings:
    matrix = np.random.default_rng(0).standard_normal((70, 12)).astype(np.float32)
    return Embeddings(np.arange(70).astype(str), matrix, None, "made up", False, {"made": "up"})


def dictionary(name: str) -> SAE:
    sae = one_tower(build(SAEConfig(name, width=40, k=3), d=12), "a test")
    sae.initialise(torch.randn(50, 12, generator=torch.Generator().manual_seed(1)), torch.Generator().manual_seed(2))
    return sae


@pytest.mark.parametrize("name", ["batch_topk", "matryoshka"])
@pytest.mark.parametrize("at_once", [9, 1024])
def test_the_largest_of_all_images_are_active(
    rows: Embeddings, name: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equal_sparsity, "ROWS", at_once)
    sae, k = dictionary(name), 3
    found = equal_sparsity.equalised(sae, rows, k)
    x = torch.from_numpy(np.array(rows.tower("image")))
    with torch.no_grad():
        pre = sae.pre_activations(x)
        least = pre.flatten().sort(descending=True).values[k * 70 - 1]
        kept = torch.where(pre >= least, pre, torch.zeros(()))
        x_hat = kept @ sae.W_dec + sae.b_dec
    assert found.l0 == k == (kept > 0).sum() / 70
    assert found.l0_free == pytest.approx(float((pre > 0).sum()) / 70)
    assert found.r2 == pytest.approx(fidelity(x.numpy(), x_hat.numpy()).r2, abs=1e-5)
    assert float(sae.threshold) == 0, "the dictionary itself is left alone"


def test_where_fewer_are_positive_than_asked_for_all_of_them_are_active(rows: Embeddings) -> None:
    found = equal_sparsity.equalised(dictionary("batch_topk"), rows, 40)
    assert found.l0 == pytest.approx(found.l0_free)
    assert found.l0 < 40
