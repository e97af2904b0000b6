"""The answers of the exercises: what a solution returns is what the lecture says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from exercises import (
    notebook_10,
    notebook_20,
    notebook_21,
    notebook_22,
    notebook_23,
    notebook_24,
    notebook_30,
    notebook_40,
    notebook_41,
)


def test_notebook_10() -> None:
    score, cosine = notebook_10.two_pictures()
    assert score == pytest.approx(cosine) == pytest.approx(0.9)
    best = notebook_10.lucky_latents()
    assert list(best) == [2, 5, 20, 80] and sorted(best.values(), reverse=True) == list(best.values())
    assert best[2] > 0.4 and best[80] < 0.05
    for p, value in notebook_10.mixed_latent().items():
        assert value == pytest.approx(0.8 * (p**2 + (1 - p) ** 2), abs=0.01)


def test_notebook_20() -> None:
    assert notebook_20.nearest_are_most_aligned()
    assert 0.5 < notebook_20.lipschitz() <= 1.001


def test_notebook_21() -> None:
    assert 0.3 < notebook_21.gain_of_choosing() < 3


def test_notebook_22() -> None:
    chance, yes = np.random.default_rng(0).random(500), np.arange(500) % 2 == 0
    right = np.where(yes, chance, 1 - chance)
    assert notebook_22.accuracy_after_cut(chance, yes, 0) == pytest.approx(right.mean())
    assert notebook_22.accuracy_after_cut(chance, yes, 1) == pytest.approx((right > 0.5).mean())
    assert notebook_22.accuracy_after_cut(np.array([0.45]), np.array([True]), 0.8) == pytest.approx(0.45)
    assert notebook_22.accuracy_after_cut(np.array([0.44]), np.array([True]), 0.8) == 0


def test_notebook_23() -> None:
    assert notebook_23.only_rare(1000) == pytest.approx(np.exp(-1), abs=1e-3)


def test_notebook_24() -> None:
    step, (distance, product) = 1e-6, notebook_24.slopes(0.5)
    assert distance == pytest.approx((np.sqrt(2 - 2 * 0.5) - np.sqrt(2 - 2 * (0.5 + step))) / step, rel=1e-4)
    assert product == 1


def test_notebook_30(cache: Path) -> None:
    assert 0.5 < notebook_30.merged_by_the_paper() < 1
    assert notebook_30.three_modalities() == pytest.approx(np.sqrt(3) / (np.sqrt(2) + 1))
    left = notebook_30.only_the_gap()
    assert left["SAE-2b"] > left["SAE-1b"] + 0.2


def test_notebook_40() -> None:
    exact, true = notebook_40.too_few_facts()
    assert exact < 0.3 and true > 0.95


def test_notebook_41() -> None:
    hits = notebook_41.collapsed()
    assert hits == {"optimistic": 1, "average": 0, "pessimistic": 0}
    to_caption, to_picture = notebook_41.any_of_five()
    assert to_caption == pytest.approx(1 / 200, abs=0.002) and to_picture == pytest.approx(1 / 200, abs=0.002)
    leaky, fair = notebook_41.the_leak()
    assert leaky > 0.9 and fair < 0.05
