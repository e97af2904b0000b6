"""The references against which ours is timed compute the same thing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks import edited_retrieval, monosemanticity, top_examples
from benchmarks.data import judge, random_codes, superposition
from lib.editing.edited_scores import EditedImages
from lib.metrics.monosemanticity import monosemanticity as score
from lib.metrics.top_examples import top_examples as best
from lib.metrics.uniqueness import uniqueness


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_the_published_loop_gives_the_score(kind: str) -> None:
    setting = {"activations": kind, "n": 230, "width": 12, "d": 6}
    made, vectors = monosemanticity.activations(setting), judge(230, 6, seed=1)
    dense = made if kind == "dense" else made.dense()
    looped = monosemanticity.loop(torch.from_numpy(dense.astype(np.float32)), torch.from_numpy(vectors))
    np.testing.assert_allclose(looped.numpy(), score(made, vectors).score, atol=1e-5)


def test_the_loop_is_extended_along_the_line_through_two_slices() -> None:
    assert monosemanticity.extended(2.0, 3.0, (10, 20), 100) == pytest.approx(11.0)
    assert monosemanticity.extended(3.0, 3.0, (10, 20), 100) == 3.0
    assert monosemanticity.extended(4.0, 3.0, (10, 20), 100) == 3.0  # noise: never less than was measured


def test_dense_top_and_python_sets_give_our_lists_and_overlaps() -> None:
    setting = {"n": 300, "width": 24, "k": 8, "slice": 24}
    top = best(top_examples.codes_of(setting), top_examples.M)
    values = top_examples.dense_lists(setting)().values.T.numpy()
    np.testing.assert_allclose(values, top.values, rtol=1e-6)
    shared = uniqueness(top)
    assert len(shared.full) == 24
    rows, columns = np.triu_indices(24, 1)
    np.testing.assert_allclose(top_examples.set_overlaps(setting)(), shared.jaccard.toarray()[rows, columns])


def test_pairs_of_a_slice_grow_to_all_pairs() -> None:
    setting = {"width": 100, "slice": 10}
    assert top_examples.whole(top_examples.SETS, lambda: 1.0, setting) == pytest.approx(110.0)  # type: ignore[arg-type]
    assert top_examples.whole(top_examples.DENSE, lambda: 1.0, setting) == 1.0  # type: ignore[arg-type]


def test_brute_force_gives_the_edited_scores() -> None:
    setting = {"images": 20, "captions": 100, "width": 32, "k": 4, "d": 8}
    codes, dictionary, texts, masks = edited_retrieval.inputs(setting)
    unit = texts[:5] / np.linalg.norm(texts[:5], axis=1, keepdims=True)
    block = EditedImages.of(codes, dictionary).block(slice(0, 20), unit, masks(slice(0, 5)))
    torch.testing.assert_close(edited_retrieval.brute_force(setting, 5)(), block.float(), atol=1e-5, rtol=1e-4)


def test_made_data_are_centred_of_norm_one_and_repeatable() -> None:
    made = superposition(500, 16, seed=3)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made.mean(axis=0), 0, atol=1e-6)
    assert np.square(made).sum(axis=1).mean() == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(made, superposition(500, 16, seed=3))
    counts = np.diff(random_codes(200, 64, 8, seed=0).indptr)
    assert 4 < counts.mean() <= 8
