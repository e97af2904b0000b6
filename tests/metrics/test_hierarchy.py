from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics.hierarchy import common_depth, latent_depths
from lib.metrics.top_examples import TopExamples, top_examples
from lib.sae.codes import SparseCodes


def shared_ranks(first: np.ndarray, second: np.ndarray) -> int:
    """The slow way: walk down from the root while the labels agree."""
    depth = 0
    for a, b in zip(first, second, strict=True):
        if a != b:
            break
        depth += 1
    return depth


def tree(n: int, ranks: int, seed: int, branches: int = 2) -> np.ndarray:
    """Labels that may repeat under different parents, as species names do."""
    return np.random.default_rng(seed).integers(0, branches, (n, ranks)).astype(str)


def codes(n: int, width: int, seed: int, density: float = 0.7) -> SparseCodes:
    random = np.random.default_rng(seed)
    return SparseCodes.from_matrix(
        np.arange(n).astype(str), random.random((n, width)) * (random.random((n, width)) < density)
    )


@given(st.integers(2, 9), st.integers(1, 4), st.integers(0, 99))
def test_common_depth_walks_down_from_the_root(n: int, ranks: int, seed: int) -> None:
    paths = tree(n, ranks, seed)
    depth = common_depth(paths)
    assert depth.tolist() == [[shared_ranks(a, b) for b in paths] for a in paths]
    assert (np.diag(depth) == ranks).all() and (depth == depth.T).all()


@given(st.integers(3, 30), st.integers(1, 3), st.integers(2, 4), st.integers(0, 99))
def test_depths_are_means_over_pairs_of_top_images(n: int, ranks: int, m: int, seed: int) -> None:
    paths, top = tree(n, ranks, seed), top_examples(codes(n, 5, seed), m)
    found = latent_depths(top, paths)
    for latent, rows in enumerate(top.rows):
        if -1 in rows:
            assert np.isnan(found.depth[latent]) and not found.kept[latent]
        else:
            pairs = [shared_ranks(paths[a], paths[b]) for a, b in combinations(rows, 2)]
            assert found.depth[latent] == pytest.approx(np.mean(pairs))
    everything = [shared_ranks(a, b) for a, b in combinations(paths, 2)]
    assert found.chance == pytest.approx(np.mean(everything))
    assert found.ranks == ranks


def test_a_latent_of_one_leaf_is_as_deep_as_the_tree_and_one_of_all_branches_is_not() -> None:
    paths = np.array([["a", "x"], ["a", "x"], ["a", "y"], ["b", "x"]])
    matrix = np.array([[2.0, 0, 1], [1.0, 0, 0], [0, 1.0, 0], [0, 2.0, 0]])
    found = latent_depths(top_examples(SparseCodes.from_matrix(np.arange(4).astype(str), matrix), 2), paths)
    np.testing.assert_array_equal(found.depth, [2, 0, np.nan])
    assert found.chance == pytest.approx((2 + 1 + 1) / 6)


def test_a_list_may_name_the_last_image_and_none_behind_it() -> None:
    top = top_examples(SparseCodes.from_matrix(np.arange(3).astype(str), np.array([[0.0], [1.0], [2.0]])), 2)
    assert latent_depths(top, np.array([["a"], ["b"], ["b"]])).depth.tolist() == [1]
    with pytest.raises(CompanionError, match="top images name row 2 of 2"):
        latent_depths(top, np.array([["a"], ["b"]]))


@pytest.mark.parametrize(
    ("paths", "m", "message"),
    [
        (np.zeros(4), 2, r"labels of shape \(4,\); give a row of ranks"),
        (np.zeros((1, 2)), 2, "at least 2 images"),
        (np.zeros((30, 0)), 2, r"labels of shape \(30, 0\)"),
        (np.zeros((30, 2)), 1, "lists of 1 top images; depths need pairs"),
        (np.zeros((5, 2)), 2, "name row .* of 5; give the labels of the same images"),
    ],
)
def test_bad_input_is_told(paths: np.ndarray, m: int, message: str) -> None:
    with pytest.raises(CompanionError, match=message):
        latent_depths(TopExamples(6, m).update(codes(30, 6, 0)), paths)
