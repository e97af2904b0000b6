"""Codes at their edges: none active, none allowed, latents that are not there; measures of a dead dictionary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lib.editing.concept_latents import find_concept_latent
from lib.encoders.embeddings import Embeddings
from lib.metrics.census import census
from lib.metrics.code_search import code_retrieval, code_zero_shot
from lib.metrics.fidelity import fidelity
from lib.metrics.firing import firing
from lib.metrics.mms import mms_across
from lib.metrics.monosemanticity import monosemanticity
from lib.metrics.paired_codes import (
    bridge_score,
    diagonal_share,
    jaccard,
    keep_common_latents,
    pair_cosine,
    roll_pairs,
    shared_share,
)
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig
from lib.sae.recipes import build, recipes_of
from tests.sae.reference import random_sae
from tests.trust.common import Tried, one_line

N, WIDTH, D = 6, 5, 4
IDS = np.array([f"i{n}" for n in range(N)])
ROWS = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
DEAD = SparseCodes.from_matrix(IDS, np.zeros((N, WIDTH), np.float32))
ALIVE = SparseCodes.from_matrix(IDS, np.random.default_rng(1).random((N, WIDTH), np.float32))


def codes(indptr: list[int], indices: list[int], values: list[float], width: int = WIDTH) -> SparseCodes:
    ids = np.arange(len(indptr) - 1).astype(str)
    return SparseCodes(ids, np.array(indptr), np.array(indices, np.int64), np.array(values), width)


def topk(indices: Any, values: Any, width: int = WIDTH) -> SparseCodes:
    indices, values = np.array(indices), np.array(values, float)
    n, k = indices.shape
    codes = SparseCodes(np.arange(n).astype(str), np.arange(n + 1) * k, indices.ravel(), values.ravel(), width)
    return SparseCodes.from_matrix(codes.ids, codes.csr())


BROKEN: dict[str, tuple[Callable[[], object], str]] = {
    "k is 0": (lambda: SAEConfig("topk", WIDTH, 0), "k is 0 of 5 latents; give 1 to width"),
    "k is over the width": (lambda: SAEConfig("topk", WIDTH, WIDTH + 1), "k is 6 of 5 latents"),
    "k is negative": (lambda: SAEConfig("batch_topk", WIDTH, -1), "k is -1 of 5 latents"),
    "no latents": (lambda: SAEConfig("topk", 0, 1), "width is 0"),
    "a latent beyond the width": (lambda: codes([0, 1], [WIDTH], [1.0]), "latents outside 0 to 4"),
    "a latent below zero": (lambda: codes([0, 1], [-1], [1.0]), "latents outside 0 to 4"),
    "more latents than values": (lambda: codes([0, 2], [0, 1], [1.0]), "2 latents and 1 values"),
    "rows that end beyond": (lambda: codes([0, 3], [0, 1], [1.0, 2.0]), "go from 0 to 3"),
    "rows that begin late": (lambda: codes([1, 2], [0, 1], [1.0, 2.0]), "go from 1 to 2"),
    "rows that run back": (lambda: codes([0, 2, 1, 2], [0, 1], [1.0, 2.0]), "make them with `encode`"),
    "NaN": (lambda: codes([0, 1], [0], [np.nan]), "NaN or infinity"),
    "infinity": (lambda: codes([0, 1], [0], [np.inf]), "NaN or infinity"),
    "more of k than latents": (lambda: topk([[0, 5], [1, 2]], [[1, 1], [1, 1]]), "latents outside 0 to 4"),
    "latents and values apart": (lambda: topk([[0], [1]], [[1, 1], [1, 1]]), "make them with `encode`"),
    "codes of another dictionary": (lambda: build(SAEConfig("topk", 7, 2), D).reconstruct(DEAD), "for a dictionary"),
    "rows of another width": (
        lambda: build(SAEConfig("topk", 7, 2), D).encode(torch.zeros(2, D + 1)),
        "this dictionary takes (n, 4)",
    ),
}

EMPTY: dict[str, Callable[[], object]] = {
    "firing": lambda: firing(DEAD).rate,
    "L0": lambda: firing(DEAD).l0,
    "pairs' cosine": lambda: pair_cosine(DEAD, ALIVE),
    "pairs' Jaccard": lambda: jaccard(DEAD, DEAD),
    "bridge": lambda: bridge_score(DEAD, DEAD, np.ones((WIDTH, D))).toarray(),
    "bridge's diagonal": lambda: diagonal_share(bridge_score(DEAD, ALIVE, np.ones((WIDTH, D)))),
    "shared latents": lambda: shared_share(DEAD, ALIVE),
    "retrieval": lambda: code_retrieval(DEAD, ALIVE).image_to_text.recall(1),
    "zero-shot": lambda: code_zero_shot(DEAD, ALIVE, np.arange(N)).accuracy,
    "fidelity": lambda: fidelity(ROWS, np.zeros_like(ROWS)).fvu,
    "concept": lambda: find_concept_latent(DEAD, np.arange(N) < 2),
    "census": lambda: [census(DEAD, DEAD).both, census(DEAD, DEAD).dead, census(DEAD, DEAD).balanced_energy],
    "common latents": lambda: [len(one.values) for one in keep_common_latents(DEAD, ALIVE)],
    "score across modalities": lambda: mms_across(DEAD, ROWS, ALIVE, ROWS).score,
    "monosemanticity by pair count": lambda: monosemanticity(DEAD, ROWS).pair_count_score,
}
"""Measures that have a value where nothing is active."""

NO_VALUE: dict[str, tuple[Callable[[], object], str]] = {
    "monosemanticity": (lambda: monosemanticity(DEAD, ROWS).summary(), "none of 5 latents has a score"),
    "fidelity of rows that are all alike": (lambda: fidelity(np.ones((3, D)), ROWS[:3]), "without variance"),
    "firing in no rows": (lambda: firing(codes([0], [], [])), "codes of 0 rows"),
    "strangers of one pair": (lambda: roll_pairs(codes([0, 0], [], [])), "need at least 2"),
    "a concept that all show": (lambda: find_concept_latent(DEAD, np.ones(N, bool)), "both among them"),
}
"""Measures that say in their own words that there is none."""

RANDOM = 100

TRIED = [
    Tried("broken codes and dictionaries", len(BROKEN), "one line"),
    Tried("measures of codes without an active latent", len(EMPTY) + len(NO_VALUE), "a finite number, or one line"),
    Tried("recipes whose latents are all dead", len(recipes_of("one-tower")), "empty codes that decode to the bias"),
    Tried("random (n, k) latents and values", RANDOM, "the dense matrix, or one line"),
]


@pytest.mark.parametrize("name", BROKEN)
def test_broken_codes_are_told(name: str) -> None:
    make, word = BROKEN[name]
    with one_line(word):
        make()


def test_no_latent_a_row_is_an_empty_code() -> None:
    found = topk(np.zeros((2, 0), int), np.zeros((2, 0)))
    assert len(found) == 2 and found.dense().tolist() == np.zeros((2, WIDTH)).tolist()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", EMPTY)
def test_a_measure_of_a_dead_dictionary_is_a_number(name: str) -> None:
    assert np.isfinite(np.asarray(EMPTY[name](), dtype=float)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NO_VALUE)
def test_or_it_is_told_that_there_is_none(name: str) -> None:
    measure, word = NO_VALUE[name]
    with one_line(word):
        measure()


@pytest.mark.filterwarnings("error")
def test_the_monosemanticity_of_a_dead_latent_is_not_a_number() -> None:
    assert np.isnan(monosemanticity(DEAD, ROWS).score).all()


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_a_dictionary_whose_latents_are_all_dead(recipe: str) -> None:
    sae = random_sae(recipe, D, WIDTH, 2).float().eval()
    with torch.no_grad():
        sae.b_enc.fill_(-1e6)
    rows = Embeddings(IDS, ROWS, None, "toy", False, {})
    found = sae.codes(rows)
    active = found.values[found.values != 0]
    assert len(active) == 0 and firing(found).dead == WIDTH
    np.testing.assert_allclose(sae.reconstruct(found), np.tile(sae.b_dec.detach().numpy(), (N, 1)), atol=1e-6)


@settings(max_examples=RANDOM)
@given(
    indices=hnp.arrays(np.int64, st.tuples(st.integers(0, 4), st.integers(0, 4)), elements=st.integers(-1, WIDTH)),
    value=st.sampled_from([0.0, 1.5, -2.0]),
)
def test_any_latents_and_values(indices: np.ndarray, value: float) -> None:
    values = np.full(indices.shape, value)
    dense = np.zeros((len(indices), WIDTH))
    if ((indices < 0) | (indices >= WIDTH)).any():
        with one_line("latents outside 0 to 4"):
            topk(indices, values)
        return
    np.add.at(dense, (np.arange(len(indices))[:, None], indices), values)
    np.testing.assert_allclose(topk(indices, values).dense(), dense)
