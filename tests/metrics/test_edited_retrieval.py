"""Fast scores of edited images against decoding every pair in float64; streamed ranks against the full matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.editing import edited_scores
from lib.editing.edited_scores import EditedImages, pair_products, pair_scores
from lib.metrics.edited_retrieval import FLOAT32_TIE, Masks, edited_retrieval
from lib.metrics.retrieval import RankCounts, rank_scores, retrieval
from lib.sae.codes import SparseCodes

ALL = slice(None)


@dataclass
class World:
    """Codes of n images with 0 to k active latents each, and m texts with masks."""

    codes: SparseCodes
    dictionary: np.ndarray
    bias: np.ndarray
    residual: np.ndarray
    texts: np.ndarray
    masks: np.ndarray

    def images(self, rho: float = 0.0, dtype: torch.dtype = torch.float64) -> EditedImages:
        return EditedImages.of(self.codes, self.dictionary, self.bias, self.residual, rho, dtype=dtype)

    def brute(self, rho: float = 0.0) -> np.ndarray:
        """Every pair decoded: e_ij = (m_j * z_i) D + b + rho r_i."""
        codes, offset = self.codes.dense(), self.bias + rho * self.residual
        scores = np.zeros((len(codes), len(self.texts)))
        for i, code in enumerate(codes):
            for j, (text, mask) in enumerate(zip(self.texts, self.masks, strict=True)):
                edited = (mask * code) @ self.dictionary + offset[i]
                length = np.linalg.norm(edited) * np.linalg.norm(text)
                scores[i, j] = edited @ text / length if length > 0 else 0
        return scores


def world(seed: int, n: int = 7, m: int = 9, width: int = 20, d: int = 12, k: int = 5) -> World:
    rng = np.random.default_rng(seed)
    dense = np.zeros((n, width))
    for row in dense:  # ragged support
        active = rng.choice(width, rng.integers(0, k + 1), replace=False)
        row[active] = rng.lognormal(size=len(active))
    return World(
        codes=codes_of(dense),
        dictionary=rng.normal(size=(width, d)),
        bias=rng.normal(size=d) / 5,
        residual=rng.normal(size=(n, d)) / 5,
        texts=rng.normal(size=(m, d)),
        masks=rng.random((m, width)),
    )


def codes_of(dense: np.ndarray) -> SparseCodes:
    return SparseCodes.from_matrix(np.arange(len(dense)).astype(str), dense)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 6),
    m=st.integers(1, 6),
    width=st.integers(1, 9),
    d=st.integers(1, 7),
    k=st.integers(0, 9),
    rho=st.sampled_from([0.0, 0.3, 1.0]),
    unbiased=st.booleans(),
)
def test_scores_equal_decoding_every_pair(
    seed: int, n: int, m: int, width: int, d: int, k: int, rho: float, unbiased: bool
) -> None:
    w = world(seed, n, m, width, d, min(k, width))
    if unbiased:
        w.bias[:] = 0
    expected = w.brute(rho)
    np.testing.assert_allclose(w.images(rho).block(ALL, w.texts, w.masks), expected, rtol=0, atol=1e-9)
    rows = slice(n // 2, n)
    np.testing.assert_allclose(w.images(rho).block(rows, w.texts, w.masks), expected[rows], rtol=0, atol=1e-9)


@pytest.mark.parametrize("rho", [0.0, 1.0])
def test_float32_scores_are_near(rho: float, monkeypatch: pytest.MonkeyPatch) -> None:
    w = world(0, n=20, m=30, width=256, d=64, k=32)
    monkeypatch.setattr(edited_scores, "QR_TILE", 33 * 64 * 3)  # the images' factors in parts
    w.texts *= 100
    images = w.images(rho, torch.float32)
    scores = images.block(ALL, w.texts, w.masks)
    assert scores.dtype == torch.float32
    np.testing.assert_allclose(scores, w.brute(rho), rtol=0, atol=FLOAT32_TIE / 2)
    some = np.array([3, 19, 3])
    np.testing.assert_allclose(images.block(some, w.texts, w.masks), scores[some], rtol=0, atol=FLOAT32_TIE / 2)


def test_no_bias_and_no_residual_are_zero_ones() -> None:
    w = world(1)
    w.bias[:] = 0
    plain = EditedImages.of(w.codes, w.dictionary, dtype=torch.float64)
    torch.testing.assert_close(plain.block(ALL, w.texts, w.masks), w.images().block(ALL, w.texts, w.masks))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_edit_that_leaves_nothing_scores_zero(dtype: torch.dtype) -> None:
    w = world(2, n=4, m=3)
    w.bias[:] = 0
    dense = w.codes.dense()
    dense[0], dense[1] = 0, 0
    dense[1, :2], w.dictionary[1] = 0.7, -w.dictionary[0]  # two atoms that cancel, up to rounding
    dense[2:, 0] = 1
    w.codes = codes_of(dense)
    w.masks[1] = 0
    w.masks[:, 1] = w.masks[:, 0]
    masks = torch.tensor(w.masks, dtype=dtype, requires_grad=True)
    scores = pair_scores(w.images(dtype=dtype), torch.tensor(w.texts, dtype=dtype), masks)
    assert (scores[:2] == 0).all()
    assert (scores[:, 1] == 0).all()
    assert (scores[2:, [0, 2]] != 0).all()
    (gradient,) = torch.autograd.grad(scores.sum(), masks)
    assert torch.isfinite(gradient).all()
    empty = EditedImages.of(codes_of(np.zeros((2, 20))), w.dictionary, dtype=dtype)
    assert (empty.block(ALL, w.texts, w.masks) == 0).all()


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_products_are_the_scores_numerators(rho: float) -> None:
    w = world(8)
    found = pair_products(w.images(rho), torch.from_numpy(w.texts), torch.from_numpy(w.masks)).numpy()
    codes, offset = w.codes.dense(), w.bias + rho * w.residual
    for i, code in enumerate(codes):
        for j, (text, mask) in enumerate(zip(w.texts, w.masks, strict=True)):
            edited = (mask * code) @ w.dictionary + offset[i]
            assert found[i, j] == pytest.approx(edited @ text / np.linalg.norm(text))


def test_full_masks_give_the_plain_reconstruction() -> None:
    w = world(3, n=8, m=8)
    w.masks[:] = 1
    reconstruction = w.codes.csr() @ w.dictionary + w.bias
    plain = retrieval(reconstruction, w.texts)
    edited = edited_retrieval(w.images(), w.texts, w.masks).ranks
    np.testing.assert_array_equal(edited.image_to_text.ranks, plain.image_to_text.ranks)
    np.testing.assert_array_equal(edited.text_to_image.ranks, plain.text_to_image.ranks)
    w.masks[:] = 0  # and masks of 0 leave the bias
    w.bias[0] = 1
    cosines = w.texts @ w.bias / np.linalg.norm(w.texts, axis=1) / np.linalg.norm(w.bias)
    np.testing.assert_allclose(w.images().block(ALL, w.texts, w.masks), np.tile(cosines, (8, 1)), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 8),
    more=st.integers(0, 8),
    chunk=st.integers(1, 20),
    tile=st.integers(1, 400),
    k=st.integers(1, 12),
    ties=st.sampled_from(["average", "pessimistic"]),
    float64=st.booleans(),
)
def test_streaming_equals_the_full_matrix(
    seed: int, n: int, more: int, chunk: int, tile: int, k: int, ties: str, float64: bool
) -> None:
    m, rng = n + more, np.random.default_rng(seed)
    w = world(seed, n, m)
    if n > 1 and m > 2:  # equal images and equal captions
        dense = w.codes.dense()
        dense[0] = dense[1]
        w.codes, w.residual[0] = codes_of(dense), w.residual[1]
        w.texts[0], w.masks[0] = w.texts[2], w.masks[2]
    owner = rng.permutation(np.concatenate([np.arange(n), rng.integers(n, size=more)]))
    dtype, tie = (torch.float64, 1e-9) if float64 else (torch.float32, FLOAT32_TIE)
    images, scores = w.images(0.5, dtype), w.brute(0.5)
    asked: list[slice] = []

    def masks(captions: slice) -> np.ndarray:
        asked.append(captions)
        return w.masks[captions]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(edited_scores.TILE, "cpu", tile)
        result = edited_retrieval(images, w.texts, masks, owner, k=k, ties=ties, chunk=chunk)  # type: ignore[arg-type]
    assert max(s.stop - s.start for s in asked) <= chunk
    counts = RankCounts(scores[owner, np.arange(m)], owner, ties=ties, tie=tie)  # type: ignore[arg-type]
    counts.add(slice(0, n), slice(0, m), scores)
    np.testing.assert_array_equal(result.ranks.image_to_text.ranks, counts.ranks().image_to_text.ranks)
    np.testing.assert_array_equal(result.ranks.text_to_image.ranks, counts.ranks().text_to_image.ranks)
    for best, full in ((result.captions, scores), (result.images, scores.T)):
        assert best.numbers.shape == best.scores.shape == (len(full), min(k, full.shape[1]))
        np.testing.assert_allclose(best.scores, -np.sort(-full, axis=1)[:, :k], rtol=0, atol=tie)
        np.testing.assert_allclose(best.scores, np.take_along_axis(full, best.numbers, axis=1), rtol=0, atol=tie)
        assert all(len(set(row)) == len(row) for row in best.numbers)


@pytest.mark.parametrize("ties", ["average", "pessimistic"])
def test_ranks_equal_rank_scores(ties: str) -> None:
    w = world(5, n=10, m=25)
    owner = np.arange(25) % 10
    scores = w.brute(1.0)
    expected = rank_scores([scores], scores[owner, np.arange(25)], owner, ties=ties)  # type: ignore[arg-type]
    ranks = edited_retrieval(w.images(1.0), w.texts, w.masks, owner, ties=ties, chunk=4).ranks  # type: ignore[arg-type]
    np.testing.assert_array_equal(ranks.image_to_text.ranks, expected.image_to_text.ranks)
    np.testing.assert_array_equal(ranks.text_to_image.ranks, expected.text_to_image.ranks)


def test_equal_scores_go_to_the_lower_number() -> None:
    """One atom a dimension and texts on the axes: scores are exactly 0 or 1, so most are equal."""
    codes, owner = codes_of(np.eye(3)[[0, 1, 0, 2, 0, 1]]), np.arange(6)
    texts = np.eye(3)[[0, 0, 1, 2, 0, 1]]
    scores = np.eye(3)[[0, 1, 0, 2, 0, 1]] @ texts.T
    for chunk in (1, 2, 4, 6):
        for k in (1, 2, 4, 6):
            images = EditedImages.of(codes, np.eye(3))
            result = edited_retrieval(images, texts, np.ones((6, 3)), owner, k=k, chunk=chunk)
            np.testing.assert_array_equal(result.captions.numbers, np.argsort(-scores, axis=1, kind="stable")[:, :k])
            np.testing.assert_array_equal(result.images.numbers, np.argsort(-scores.T, axis=1, kind="stable")[:, :k])


def shown_world(n: int = 60) -> World:
    """Each caption is its image seen through its mask, so that honest scoring finds nearly every pair."""
    w = world(6, n, n, width=64, d=32, k=12)
    w.masks = (np.random.default_rng(7).random((n, 64)) < 0.6).astype(float)
    w.texts = (w.masks * w.codes.dense()) @ w.dictionary + w.bias
    return w


def test_shuffled_images_are_at_chance() -> None:
    w = shown_world()
    honest = edited_retrieval(w.images(), w.texts, w.masks).ranks
    assert honest.image_to_text.recall(1) > 0.5
    hits = []
    for seed in range(20):
        owner = np.random.default_rng(seed).permutation(60)
        shuffled = edited_retrieval(w.images(), w.texts, w.masks, owner).ranks
        hits += [shuffled.image_to_text.recall(1), shuffled.text_to_image.recall(1)]
    assert np.mean(hits) < 3 / 60


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_images_tie(dtype: torch.dtype) -> None:
    w = shown_world(31)
    mean = w.codes.dense().mean(axis=0)
    w.codes, w.residual[:] = codes_of(np.tile(mean, (31, 1))), w.residual[0]
    result = edited_retrieval(w.images(1.0, dtype), w.texts, w.masks, chunk=7)
    np.testing.assert_array_equal(result.ranks.text_to_image.ranks, np.full(31, 16.0))
    assert result.ranks.text_to_image.recall(10) == 0
    # All images order the captions alike.
    np.testing.assert_allclose(result.captions.scores, result.captions.scores[:1].repeat(31, axis=0), atol=FLOAT32_TIE)
    np.testing.assert_array_equal(np.sort(result.ranks.image_to_text.ranks), np.arange(1, 32))


@pytest.mark.parametrize("rho", [0.0, 1.0])
def test_gradients(rho: float, monkeypatch: pytest.MonkeyPatch) -> None:
    w = world(8, n=5, m=4, width=8, d=6, k=4)
    monkeypatch.setitem(edited_scores.TILE, "cpu", 40)  # two images at a time
    images = w.images(rho)
    texts, masks = (torch.tensor(part, requires_grad=True) for part in (w.texts, w.masks))
    assert torch.autograd.gradcheck(lambda t, m: pair_scores(images, t, m), (texts, masks))
    codes, offset = torch.tensor(w.codes.dense()), torch.tensor(w.bias + rho * w.residual)
    edited = (masks * codes[:, None]) @ torch.tensor(w.dictionary) + offset[:, None]
    brute = torch.nn.functional.cosine_similarity(edited, texts, dim=2)
    loss: Callable[[torch.Tensor], torch.Tensor] = lambda s: s.logsumexp(0).sum() + s.logsumexp(1).sum()  # noqa: E731
    fast = torch.autograd.grad(loss(pair_scores(images, texts, masks)), (texts, masks))
    slow = torch.autograd.grad(loss(brute), (texts, masks))
    torch.testing.assert_close(fast, slow)


def test_a_batch_is_its_images() -> None:
    w = world(9)
    images = w.images(0.7)
    scores = images.block(ALL, w.texts, w.masks)
    for rows in (slice(2, 5), np.array([4, 0]), torch.tensor([6, 6, 1])):
        batch = images[rows]
        assert len(batch) == len(scores[rows])
        torch.testing.assert_close(batch.block(ALL, w.texts, w.masks), scores[rows])


def test_errors_of_images_are_one_line() -> None:
    w = world(10)
    codes, D, b, r = w.codes, w.dictionary, w.bias, w.residual
    with pytest.raises(CompanionError, match=r"^rho 1.5; give the share of the residual that stays, from 0 to 1$"):
        EditedImages.of(codes, D, b, r, 1.5)
    with pytest.raises(CompanionError, match=r"^rho nan; "):
        EditedImages.of(codes, D, b, r, float("nan"))
    with pytest.raises(CompanionError, match=r"^rho 0.5 and no residual; give the residuals or rho 0$"):
        EditedImages.of(codes, D, b, rho=0.5)
    with pytest.raises(CompanionError, match=r"^dictionary of shape \(19, 12\); these codes need \(20, d\)$"):
        EditedImages.of(codes, D[:-1])
    with pytest.raises(CompanionError, match=r"^bias of shape \(11,\); these codes need \(12\)$"):
        EditedImages.of(codes, D, b[:-1])
    with pytest.raises(CompanionError, match=r"^residual of shape \(6, 12\); these codes need \(7, 12\)$"):
        EditedImages.of(codes, D, b, r[:-1], 1.0)
    with pytest.raises(CompanionError, match=r"^dictionary contains NaN or infinity"):
        EditedImages.of(codes, D * np.inf)
    with pytest.raises(CompanionError, match=r"^codes times the dictionary leave the range of float32; scale"):
        EditedImages.of(codes, D * 1e30)
    with pytest.raises(CompanionError, match=r"^codes of no images; give at least 1$"):
        EditedImages.of(SparseCodes(np.zeros(0, str), np.zeros(1, int), np.zeros(0, int), np.zeros(0), 20), D)


def test_errors_of_texts_are_one_line() -> None:
    w = world(11)
    images, texts, masks = w.images(), w.texts, w.masks
    with pytest.raises(CompanionError, match=r"^texts of shape \(9, 11\) for a dictionary of 12 dimensions; give \(m"):
        images.block(ALL, texts[:, 1:], masks)
    with pytest.raises(CompanionError, match=r"^texts of shape \(0, 12\)"):
        images.block(ALL, texts[:0], masks[:0])
    with pytest.raises(CompanionError, match=r"^texts contain NaN or infinity; embed them again$"):
        images.block(ALL, texts * np.nan, masks)
    with pytest.raises(CompanionError, match=r"^masks of shape \(9, 19\) for 9 texts and 20 latents; give each text a"):
        images.block(ALL, texts, masks[:, 1:])
    with pytest.raises(CompanionError, match=r"^masks of shape \(8, 20\) for 9 texts"):
        images.block(ALL, texts, masks[1:])
    with pytest.raises(CompanionError, match=r"^masks run from .* to 1.5; give finite ones in \[0, 1\], as after"):
        images.block(ALL, texts, np.where(masks > 0.99 * masks.max(), 1.5, masks))
    with pytest.raises(CompanionError, match=r"^masks run from -0.1 to"):
        images.block(ALL, texts, np.where(masks < 1.01 * masks.min(), -0.1, masks))
    with pytest.raises(CompanionError, match=r"^masks run from nan to nan"):
        images.block(ALL, texts, np.where(masks < 1.01 * masks.min(), np.nan, masks))


def test_errors_of_retrieval_are_one_line() -> None:
    w = world(12, n=7, m=7)
    images, T = w.images(), w.texts
    masks: Masks = w.masks
    with pytest.raises(CompanionError, match=r"^7 images and 6 captions; say by `owner` whose caption each is$"):
        edited_retrieval(images, T[1:], w.masks[1:])
    with pytest.raises(CompanionError, match=r"^ties 'lucky'; known: average, pessimistic$"):
        edited_retrieval(images, T, masks, ties="lucky")  # type: ignore[arg-type]
    with pytest.raises(CompanionError, match=r"^the best 0 candidates; give at least 1$"):
        edited_retrieval(images, T, masks, k=0)
    with pytest.raises(CompanionError, match=r"^a chunk of 0 rows; give at least 1$"):
        edited_retrieval(images, T, masks, chunk=0)
    with pytest.raises(CompanionError, match=r"^text embeddings are zero in row 0, which has no direction; drop it$"):
        edited_retrieval(images, T * 0, masks)
    with pytest.raises(CompanionError, match=r"^masks of shape \(3, 20\) for 7 texts"):
        edited_retrieval(images, T, lambda captions: w.masks[:3])
