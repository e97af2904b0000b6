"""The two stages of search against decoding every pair."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.editing.edited_search import Index
from lib.editing.masker import ImageSide
from lib.encoders.embeddings import Embeddings
from tests.editing.test_masker import masker
from tests.editing.toy import D, toy
from tests.sae.reference import random_two_towers

N, QUERIES = 60, 8


@pytest.fixture(scope="module", params=[0.0, 0.7], ids=["residual dropped", "0.7 of it kept"])
def index(request: pytest.FixtureRequest) -> Index:
    t = toy(N)
    return Index(t.pairs, t.sae, masker(rho=request.param))


def slow_scores(index: Index) -> np.ndarray:
    """Every picture decoded for every caption."""
    t, made = toy(N), index.masker
    images = ImageSide.of(t.sae, t.pairs, made.config.rho, dtype=torch.float64)
    return made.scores(images, t.pairs.tower("text")[:QUERIES])


def test_a_long_shortlist_is_exact(index: Index) -> None:
    scores = slow_scores(index)
    for query, text in enumerate(toy(N).pairs.tower("text")[:QUERIES]):
        hits = index.search(text, 5, shortlist=N)
        best = np.argsort(-scores[:, query], kind="stable")[:5]
        assert [hit.name for hit in hits] == [index.pictures.ids[row] for row in best]
        np.testing.assert_allclose([hit.score for hit in hits], scores[best, query], atol=1e-5)
        assert index.search(3 * text, 5, shortlist=N)[0].name == hits[0].name


def test_the_first_stage_is_the_score_without_its_norm(index: Index) -> None:
    t = toy(N)
    text = t.pairs.tower("text")[0]
    query, mask = (part[0].numpy() for part in index.masker.read(text[None]))
    kept = (t.sae.codes(t.pairs).dense() * mask) @ t.sae.W_dec.detach().numpy()
    kept = kept + index.masker.config.rho * (t.pairs.tower("image") - t.sae.reconstruct(t.sae.codes(t.pairs)))
    best = np.sort(np.argsort(-(kept @ query))[:10])
    np.testing.assert_array_equal(index.first_stage(text, 10), best)
    plain = np.sort(np.argsort(-(t.pairs.tower("image") @ text))[:10])
    np.testing.assert_array_equal(index.first_stage(text, 10, "embeddings"), plain)


def test_recall_against_the_exact_best(index: Index) -> None:
    texts, scores = toy(N).pairs.tower("text")[:QUERIES], slow_scores(index)
    for stage in ("latents", "embeddings"):
        expected = []
        for query, text in enumerate(texts):
            best = set(np.argsort(-scores[:, query], kind="stable")[:5])
            expected.append(len(best & set(index.first_stage(text, 12, stage))) / 5)  # type: ignore[arg-type]
        np.testing.assert_allclose(index.shortlist_recall(texts, 5, 12, stage), expected)  # type: ignore[arg-type]
    assert index.shortlist_recall(texts, 5, N).tolist() == [1.0] * QUERIES


def test_fewer_pictures_than_asked_for(index: Index) -> None:
    t = toy(3)
    assert len(Index(t.pairs, t.sae, masker()).search(t.pairs.tower("text")[0], 10)) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (np.ones(D + 1), rf"shape \({D + 1},\); give one finite vector of {D} numbers"),
        (np.ones((1, D)), rf"shape \(1, {D}\)"),
        (np.full(D, np.nan), "finite vector"),
        (np.zeros(D), "finite vector"),
    ],
)
def test_wrong_captions(index: Index, text: np.ndarray, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        index.search(text)


def test_wrong_settings(index: Index) -> None:
    t, text = toy(N), toy(N).pairs.tower("text")
    with pytest.raises(CompanionError, match="the best 9 of a shortlist of 8"):
        index.search(text[0], 9, shortlist=8)
    with pytest.raises(CompanionError, match="first stage 'faiss'; known: latents, embeddings"):
        index.first_stage(text[0], 5, "faiss")  # type: ignore[arg-type]
    with pytest.raises(CompanionError, match="the best 61 of 60 pictures"):
        index.shortlist_recall(text, 61, 100)
    with pytest.raises(CompanionError, match="an index needs edit 'latents'"):
        Index(t.pairs, t.sae, masker(edit="dimensions"))


def test_a_dictionary_of_another_kind_is_one_line() -> None:
    t = toy(N)
    with pytest.raises(CompanionError, match="an index needs a one-tower dictionary, and 'vl_sae' is two-tower"):
        Index(t.pairs, random_two_towers("vl_sae", D), masker())  # type: ignore[arg-type]


def test_pictures_of_another_encoder_are_one_line() -> None:
    t = toy(N)
    wider = Embeddings(t.pairs.ids, np.ones((N, D + 1), np.float32), None, "other", False, {})
    with pytest.raises(CompanionError, match=f"pictures of other do not fit a dictionary of {D} dimensions"):
        Index(wider, t.sae, masker())
