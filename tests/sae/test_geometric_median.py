import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from lib.base.errors import CompanionError
from lib.sae.geometric_median import geometric_median


def points(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cost(points, at) -> float:
    return float(np.linalg.norm(np.asarray(points) - np.asarray(at), axis=1).sum())


@given(st.integers(2, 30), st.integers(1, 4), st.integers(0, 99))
def test_summed_distance_is_the_least(n, d, seed):
    rows = points(n, d, seed)
    best = minimize(lambda at: cost(rows, at), rows.mean(dim=0).numpy(), method="Nelder-Mead", options={"xatol": 1e-9})
    assert cost(rows, geometric_median(rows, 10_000, 1e-9)) <= best.fun * (1 + 1e-4)


@given(st.integers(0, 99))
def test_moves_with_the_points(seed):
    rows = points(9, 3, seed)
    there = geometric_median(2 * rows + 5, 1000, 1e-9)
    torch.testing.assert_close(there, 2 * geometric_median(rows, 1000, 1e-9) + 5, atol=1e-5, rtol=0)


def test_an_outlier_hardly_moves_it():
    rows = torch.cat([0.1 * points(50, 2, 0), torch.full((1, 2), 1e6, dtype=torch.float64)])
    assert torch.linalg.vector_norm(geometric_median(rows)) < 0.2


def test_data_far_from_zero_are_treated_as_those_near_it():
    rows = torch.cat([0.1 * points(50, 2, 0), torch.full((1, 2), 10.0, dtype=torch.float64)])
    torch.testing.assert_close(geometric_median(rows + 1e6) - 1e6, geometric_median(rows), atol=1e-4, rtol=0)


@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_a_start_on_a_point_that_is_not_the_median_moves_off_it(offset):
    rows = torch.tensor([[0.0, 0], [-4, 0], [1, 0.5], [1, -0.5], [2, 0]]) + offset
    assert torch.equal(rows.mean(dim=0), rows[0])
    median = geometric_median(rows, 1000, 1e-9)
    assert cost(rows, median) < cost(rows, rows[0]) - 0.1


def test_a_start_on_the_median_stays():
    rows = torch.tensor([[0.0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
    torch.testing.assert_close(geometric_median(rows), torch.zeros(2))


@pytest.mark.parametrize("offset", [0.0, 8.0])
def test_a_point_that_outweighs_the_pull_of_the_others_is_the_median_itself(offset):
    others = torch.tensor([[-4.0, 0], [1, 0.5], [1, -0.5], [2, 0]])  # mean 0, and their pull to the right is 1.79
    rows = torch.cat([others, torch.zeros(2, 2)]) + offset
    assert torch.equal(geometric_median(rows), torch.full((2,), offset))
    lighter = geometric_median(rows[:5], iterations=1) - offset
    directions = others / others.norm(dim=1, keepdim=True)
    target = directions.sum(dim=0) / (1 / others.norm(dim=1)).sum()
    torch.testing.assert_close(lighter, (1 - 1 / directions.sum(dim=0).norm()) * target, atol=1e-5, rtol=0)


@pytest.mark.parametrize("n", [1, 5])
def test_equal_points_are_their_own_median(n):
    torch.testing.assert_close(geometric_median(torch.full((n, 3), 2.0)), torch.full((3,), 2.0))


def test_no_points_are_refused():
    with pytest.raises(CompanionError, match="the geometric median of no rows is not defined"):
        geometric_median(torch.zeros(0, 3))
