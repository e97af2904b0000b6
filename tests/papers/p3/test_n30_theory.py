"""Theorem 1 and the exact model of two directions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from lib.base.errors import CompanionError
from lib.papers.p3.n30_theory import (
    Decomposition,
    heterogeneous_pair,
    heterogeneous_rows,
    theorem_1,
    threshold,
)

RHO = st.floats(0.05, 0.999)


def split_cost(weight: float) -> float:
    """Least cost with a latent for each direction: each code shrinks to 1 - lambda / 2; above 2 nothing is worth it."""
    w = min(weight, 2.0)
    return 2 * w - w**2 / 2


def merged_cost(weight: float, rho: float) -> float:
    """Least cost with one latent on the bisector, both activations c - lambda / (2 sqrt 2), c = sqrt((1 + rho) / 2)."""
    w = min(weight, 2 * np.sqrt(1 + rho))
    return 1 - rho + w * np.sqrt(1 + rho) - w**2 / 4


def split_world(seed: int, n: int = 50, d: int = 24, width: int = 40, k: int = 4, noise: float = 0.0):
    """Unit pairs of positive cosine with a split decomposition: the second half of the latents is the first's copy."""
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((width // 2, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    amounts = np.zeros((n, width // 2))
    for row in amounts:
        row[rng.choice(width // 2, k, replace=False)] = rng.uniform(0.5, 1.5, k)
    other = amounts * rng.uniform(0.8, 1.2, amounts.shape)
    lengths = [np.linalg.norm(a @ directions, axis=1, keepdims=True) for a in (amounts, other)]
    amounts, other = amounts / lengths[0], other / lengths[1]
    none = np.zeros_like(amounts)
    split = Decomposition(np.tile(directions, (2, 1)), np.hstack([amounts, none]), np.hstack([none, other]))
    x, y = amounts @ directions, other @ directions
    if noise:
        x, y = (r + noise * rng.standard_normal(r.shape) for r in (x, y))
        x, y = (r / np.linalg.norm(r, axis=1, keepdims=True) for r in (x, y))
    return split, x, y


@given(st.integers(0, 999))
def test_theorem_1_shares_a_latent_in_every_pair(seed):
    split, x, y = split_world(seed)
    joint = theorem_1(split, x, y)
    assert joint.dictionary.shape == (40 + 50, 24)
    assert (
        max(np.abs(x - joint.first @ joint.dictionary).max(), np.abs(y - joint.second @ joint.dictionary).max()) < 1e-12
    )
    assert ((joint.first > 0).sum(axis=1) == 5).all() and ((joint.second > 0).sum(axis=1) == 5).all()
    assert (joint.first >= 0).all() and (joint.second >= 0).all()
    inner = (joint.first * joint.second).sum(axis=1)
    np.testing.assert_allclose(inner, 2 + 2 * (x * y).sum(axis=1), atol=1e-12)
    assert (inner > 2).all()


def test_theorem_1_keeps_the_error_of_an_approximate_decomposition():
    split, x, y = split_world(0, noise=0.05)
    joint = theorem_1(split, x, y)
    np.testing.assert_allclose(x - joint.first @ joint.dictionary, -(y - split.second @ split.dictionary), atol=1e-12)
    np.testing.assert_allclose(y - joint.second @ joint.dictionary, -(x - split.first @ split.dictionary), atol=1e-12)


def test_theorem_1_refuses_what_it_does_not_cover():
    split, x, y = split_world(1)
    with pytest.raises(CompanionError, match="starts from a split one"):
        theorem_1(Decomposition(split.dictionary, split.first, split.first), x, y)
    with pytest.raises(CompanionError, match="pair 0 has opposite members"):
        theorem_1(split, x, -x)


@given(RHO, st.floats(0.0, 2.5))
def test_costs_are_the_best_over_all_amplitudes(rho, weight):
    along = np.sqrt((1 + rho) / 2)
    best_split = minimize_scalar(lambda z: 2 * ((1 - z) ** 2 + weight * z), bounds=(0, 1), method="bounded")
    merged = lambda z: 2 * (1 - 2 * z * along + z**2) + weight * np.sqrt(2) * z  # noqa: E731
    best_merged = minimize_scalar(merged, bounds=(0, 1), method="bounded")
    split, merged_one = (d.objective(*heterogeneous_rows(rho, 3), weight) for d in heterogeneous_pair(rho, 3, weight))
    assert split_cost(weight) == pytest.approx(best_split.fun, abs=1e-4) == pytest.approx(split, abs=1e-4)
    assert merged_cost(weight, rho) == pytest.approx(best_merged.fun, abs=1e-4) == pytest.approx(merged_one, abs=1e-4)


@given(RHO)
def test_the_sign_turns_at_the_threshold(rho):
    limit = float(threshold(rho))
    for weight, merged_wins in ((0.98 * limit, False), (1.02 * limit, True)):
        split, merged = (d.objective(*heterogeneous_rows(rho, 3), weight) for d in heterogeneous_pair(rho, 3, weight))
        assert split == pytest.approx(split_cost(weight))
        assert merged == pytest.approx(merged_cost(weight, rho))
        assert (merged < split) is merged_wins


def test_known_thresholds():
    np.testing.assert_allclose(
        threshold([0.3, 0.5, 0.7, 0.9, 0.99, 1.0]), [1.32, 0.915, 0.533, 0.173, 0.017, 0], atol=4e-3
    )
    assert (np.diff(threshold(np.linspace(0.05, 1, 50))) < 0).all()


def test_without_a_penalty_no_shared_dictionary_is_exact_when_directions_differ():
    x, y = heterogeneous_rows(0.7, 4)
    split, merged = (d.objective(x, y, 0.0) for d in heterogeneous_pair(0.7, 4, 0.0))
    assert split == pytest.approx(0) and merged == pytest.approx(1 - 0.7)
    np.testing.assert_allclose((x * y).sum(axis=1), 0.7)


def test_errors():
    with pytest.raises(CompanionError, match="a cosine of 0"):
        threshold(0)
