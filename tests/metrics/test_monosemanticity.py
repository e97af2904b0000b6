"""MS against the double loop of its definition, and the laws that follow from the definition."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.metrics import monosemanticity as module
from lib.metrics.monosemanticity import ScoreSums, monosemanticity
from lib.sae.codes import SparseCodes

seeds = st.integers(0, 2**32 - 1)


def brute_force(activations: np.ndarray, judge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MS and the pair-count version of every latent by the double loop over images."""
    a, e = activations.astype(np.float64), judge.astype(np.float64)
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    score, pair_count = np.full(a.shape[1], np.nan), np.zeros(a.shape[1])
    for k in range(a.shape[1]):
        spread = a[:, k].max() - a[:, k].min()
        if spread == 0:
            continue
        scaled = (a[:, k] - a[:, k].min()) / spread
        top = bottom = pairs = 0.0
        for n in range(len(a)):
            for m in range(n + 1, len(a)):
                top += scaled[n] * scaled[m] * (e[n] @ e[m])
                bottom += scaled[n] * scaled[m]
                pairs += 1
        if bottom > 0:
            score[k], pair_count[k] = top / bottom, top / pairs
    return score, pair_count


def codes_of(matrix: np.ndarray) -> SparseCodes:
    return SparseCodes.from_matrix(np.arange(len(matrix)).astype(str), matrix)


def example(seed: int, n: int = 17, d: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Activations with every kind of latent, and a judge: columns 0 to 3 are dead."""
    rng = np.random.default_rng(seed)
    columns = [np.zeros(n), np.full(n, 2.5), np.eye(n)[rng.integers(n)], 3 + np.eye(n)[rng.integers(n)]]
    columns += [rng.normal(size=n), rng.random(n) + 4, -rng.random(n)]  # raw, always on, always negative
    columns += [rng.random(n) * (rng.random(n) < share) for share in (0.2, 0.5, 0.9)]
    columns += [np.where(np.arange(n) < 2, rng.random(n) + 0.1, 0), np.where(np.arange(n) < 2, -1 - rng.random(n), 0)]
    return np.stack(columns, axis=1), rng.normal(size=(n, d)) + 0.5


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(3, 20), st.sampled_from(["dense", "codes", "signed codes"]), st.integers(1, 25))
def test_equals_the_double_loop(seed: int, n: int, form: str, chunk: int) -> None:
    activations, judge = example(seed, n)
    if form == "codes":
        activations = activations.clip(0)
    result = monosemanticity(activations if form == "dense" else codes_of(activations), judge, chunk=chunk)
    score, pair_count = brute_force(activations, judge)
    np.testing.assert_allclose(result.score, score, atol=1e-12)  # NaN at the same latents
    np.testing.assert_allclose(result.pair_count_score, pair_count, atol=1e-12)
    assert np.isnan(result.score[:4]).all()


@settings(max_examples=25, deadline=None)
@given(seeds, st.lists(st.integers(1, 12), min_size=1, max_size=6), st.booleans())
def test_uneven_shards_merge_to_the_whole(seed: int, sizes: list[int], sparse: bool) -> None:
    activations, judge = example(seed, sum(sizes) + 2)
    activations = activations.clip(0) if sparse else activations
    whole = monosemanticity(activations, judge)
    edges = np.cumsum([0, 2, *sizes])
    shards = []
    for start, stop in pairwise(edges):
        part = activations[start:stop]
        shard = ScoreSums(activations.shape[1], judge.shape[1])
        shards.append(shard.update(sp.csr_array(part) if sparse else part, judge[start:stop]))
    order = np.random.default_rng(seed).permutation(len(shards))
    total = ScoreSums(activations.shape[1], judge.shape[1])
    for i in order:
        before = shards[i].weighted.copy()
        total.merge(shards[i])
        np.testing.assert_array_equal(shards[i].weighted, before)  # the merged shard is left as it was
    merged = total.score()
    for name in ("score", "corrected", "pair_count_score", "n_eff"):
        np.testing.assert_allclose(getattr(merged, name), getattr(whole, name), atol=1e-11)
    np.testing.assert_array_equal(merged.support, whole.support)
    assert merged.chance == pytest.approx(whole.chance, abs=1e-12)
    assert merged.images == whole.images


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(1e-3, 1e3), st.floats(-10, 10))
def test_invariances(seed: int, scale: float, shift: float) -> None:
    activations, judge = example(seed)
    rng = np.random.default_rng(seed)
    score = monosemanticity(activations, judge).score
    live = ~np.isnan(score)
    order = rng.permutation(len(judge))
    rotation = np.linalg.qr(rng.normal(size=(judge.shape[1],) * 2))[0]
    for changed in (
        monosemanticity(activations * scale, judge),
        monosemanticity(activations[:, live] + shift, judge),
        monosemanticity(activations[order], judge[order]),
        monosemanticity(activations, judge @ rotation),
        monosemanticity(activations, judge * rng.uniform(0.1, 10, size=(len(judge), 1))),
    ):
        expected = score if changed.score.shape == score.shape else score[live]
        np.testing.assert_allclose(changed.score, expected, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_range_support_and_effective_sample_size(seed: int) -> None:
    activations, judge = example(seed)
    result = monosemanticity(activations, judge)
    above = activations - activations.min(axis=0)
    assert (np.abs(result.score[result.live]) <= 1).all()
    np.testing.assert_array_equal(result.support, (above > 0).sum(axis=0))
    live = result.live
    np.testing.assert_allclose(
        result.n_eff[live], above[:, live].sum(0) ** 2 / (above[:, live] ** 2).sum(0), rtol=1e-12
    )
    assert (result.n_eff[live] <= result.support[live] * (1 + 1e-12)).all()


def test_identical_embeddings_score_one_and_orthonormal_ones_zero() -> None:
    activations = np.random.default_rng(0).random((6, 200))
    same = monosemanticity(activations, np.tile([1.0, 2.0], (6, 1)))
    np.testing.assert_allclose(same.score, 1, atol=1e-12)
    assert (same.score <= 1).all()
    assert same.chance == pytest.approx(1)
    assert np.isnan(same.corrected).all()
    np.testing.assert_allclose(monosemanticity(activations, np.eye(6)).score, 0, atol=1e-12)


def test_two_active_images_score_their_cosine() -> None:
    judge = np.random.default_rng(1).normal(size=(5, 4))
    activations = np.array([[0.0, 3.0, 0.0, 0.2, 0.0]]).T
    cosine = judge[1] @ judge[3] / np.linalg.norm(judge[1]) / np.linalg.norm(judge[3])
    assert monosemanticity(activations, judge).score[0] == pytest.approx(cosine, abs=1e-12)
    antipodal = np.array([[1.0, 0.0], [0.6, 0.8], [-0.6, -0.8]])
    assert monosemanticity(np.array([[0.0], [1.0], [0.5]]), antipodal).score[0] == pytest.approx(-1)


def test_uniform_weights_score_the_chance_level() -> None:
    judge = np.random.default_rng(2).normal(size=(9, 4)) + 1
    unit = judge / np.linalg.norm(judge, axis=1, keepdims=True)
    mean_cosine = (unit @ unit.T)[~np.eye(9, dtype=bool)].mean()
    half = np.append(np.ones(9), 0)[:, None]  # weight 1 on nine images, 0 on a tenth
    result = monosemanticity(half, np.vstack([judge, -judge.sum(0)]))
    assert result.score[0] == pytest.approx(mean_cosine, abs=1e-12)
    nearly = monosemanticity(1e6 + np.random.default_rng(3).random((9, 1)) * 1e-3 + np.eye(9)[:, :1] * -1e3, judge)
    assert nearly.chance == pytest.approx(mean_cosine, abs=1e-12)
    corrected = (nearly.score - mean_cosine) / (1 - mean_cosine)
    np.testing.assert_allclose(nearly.corrected, corrected, atol=1e-12)


@pytest.mark.parametrize("epsilon", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("sparse", [False, True])
def test_nearly_single_image_latents_are_exact(epsilon: float, sparse: bool) -> None:
    rng = np.random.default_rng(4)
    judge = rng.normal(size=(50, 768)).astype(np.float32)
    activations = np.zeros((50, 1), np.float32)
    activations[7], activations[31] = 1, epsilon
    unit = judge.astype(np.float64) / np.linalg.norm(judge.astype(np.float64), axis=1, keepdims=True)
    cosine = unit[7] @ unit[31]
    result = monosemanticity(codes_of(activations) if sparse else activations, judge, chunk=20)
    assert result.score[0] == pytest.approx(cosine, abs=1e-15 / epsilon)
    # The same formula in float32 is lost at 1e-6 already: this is the failure the float64 sums are for.
    unit32 = unit.astype(np.float32)
    weighted, squares = (activations.T @ unit32)[0], np.float32((activations**2).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        single = (weighted @ weighted - squares) / (activations.sum(dtype=np.float32) ** 2 - squares)
    if epsilon <= 1e-6:
        assert not abs(single - cosine) < 0.01


def test_a_second_image_below_resolution_is_dead() -> None:
    result = monosemanticity(np.array([[1.0], [1e-14], [0.0]]), np.eye(3))
    assert np.isnan(result.score[0])
    assert result.pair_count_score[0] == 0
    assert result.support[0] == 2


def test_minimum_support_hides_scores_but_not_facts() -> None:
    activations, judge = example(5)
    result, strict = monosemanticity(activations, judge), monosemanticity(activations, judge, min_support=5)
    np.testing.assert_array_equal(strict.live, result.live & (result.support >= 5))
    np.testing.assert_array_equal(strict.support, result.support)
    assert np.isnan(strict.corrected[~strict.live]).all()


def test_latents_in_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    activations, judge = example(6)
    whole = monosemanticity(codes_of(activations), judge)
    monkeypatch.setattr(module, "LATENTS_AT_ONCE", 3)
    blocked = monosemanticity(codes_of(activations), judge)
    np.testing.assert_allclose(blocked.score, whole.score, atol=1e-12)
    np.testing.assert_array_equal(blocked.support, whole.support)


def test_inputs_stay_as_they_were() -> None:
    activations, judge = example(7)
    codes = codes_of(activations.clip(0))
    copies = activations.copy(), judge.copy(), codes.values.copy()
    monosemanticity(activations, judge)
    ScoreSums(codes.width, judge.shape[1]).update(codes.csr(), judge)
    for now, then in zip((activations, judge, codes.values), copies, strict=True):
        np.testing.assert_array_equal(now, then)


def test_duplicate_entries_of_a_sparse_matrix_add_up() -> None:
    judge = np.random.default_rng(10).normal(size=(4, 4))
    twice = sp.csr_array((np.array([1.0, 2, 1, 4, 2]), np.zeros(5, int), np.array([0, 2, 3, 4, 5])), shape=(4, 1))
    sums = ScoreSums(1, 4).update(twice, judge)
    assert sums.score().score[0] == pytest.approx(brute_force(twice.toarray(), judge)[0][0])


def test_half_precision_judge_and_integer_activations_work() -> None:
    judge = np.random.default_rng(8).normal(size=(6, 3)).astype(np.float16)
    activations = np.random.default_rng(8).integers(0, 3, size=(6, 4))
    expected, _ = brute_force(activations, judge)
    np.testing.assert_allclose(monosemanticity(activations, judge).score, expected, atol=1e-12)


def test_summary_counts_the_live_share() -> None:
    activations, judge = example(9)
    result = monosemanticity(activations, judge)
    summary = result.summary()
    scores = result.score[result.live]
    assert summary["live"] == len(scores) / activations.shape[1]
    assert summary["best"] == scores.max()
    assert summary["worst"] == scores.min()
    assert summary["mean"] == pytest.approx(scores.mean())
    with pytest.raises(CompanionError, match=r"^none of 2 latents has a score"):
        monosemanticity(np.zeros((4, 2)), np.eye(4)).summary()


def test_errors_are_one_line() -> None:
    ones = np.ones((3, 2))
    zero, holed = np.eye(3), np.eye(3)
    zero[1], holed[2, 0] = 0, np.nan
    cases = [
        (ones, np.eye(4), r"3 rows of activations and 4 of judge embeddings"),
        (ones, zero, r"judge embeddings are zero in row 1"),
        (ones, holed, r"judge embeddings contain NaN or infinity in row 2"),
        (ones[:1], np.eye(3)[:1], r"needs pairs of images, but there are 1"),
        (ones[0], np.eye(3), r"activations of shape \(2,\)"),
        (np.ones((3, 0)), np.eye(3), r"activations of shape \(3, 0\)"),
        (np.array([[1.0, 2.0], [1.0, np.nan], [0.0, 1.0]]), np.eye(3), r"latent 1 contain NaN or infinity"),
        (np.array([[np.inf, 2.0], [1.0, 1.0], [0.0, 1.0]]), np.eye(3), r"latent 0 contain NaN or infinity"),
    ]
    for activations, judge, message in cases:
        with pytest.raises(CompanionError, match=message) as caught:
            monosemanticity(activations, judge)
        assert "\n" not in str(caught.value)
    with pytest.raises(CompanionError, match="a chunk of 0 rows"):
        monosemanticity(ones, np.eye(3), chunk=0)
    with pytest.raises(CompanionError, match="score sums of 0 latents"):
        ScoreSums(0, 3)
    with pytest.raises(CompanionError, match="a chunk of 2 latents and 3 judge dimensions for sums of 4 and 3"):
        ScoreSums(4, 3).update(ones, np.eye(3))
    with pytest.raises(CompanionError, match=r"score sums of shapes \(4, 3\) and \(2, 3\) cannot merge"):
        ScoreSums(4, 3).merge(ScoreSums(2, 3))
    with pytest.raises(CompanionError, match=r"activations of shape \(3,\)"):
        ScoreSums(1, 3).update(np.ones(3), np.eye(3))
    with pytest.raises(CompanionError, match="but there are 0"):
        ScoreSums(1, 3).score()
