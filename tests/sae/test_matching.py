"""Matching of two dictionaries against a search over all permutations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig
from lib.sae.matching import match_latents
from lib.sae.recipes import build
from tests.sae.reference import random_two_towers


def codes_of(matrix: np.ndarray) -> SparseCodes:
    return SparseCodes.from_matrix(np.arange(len(matrix)).astype(str), matrix)


def random_codes(seed: int, n: int = 40, width: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random((n, width)) * (rng.random((n, width)) < 0.4)


def test_it_is_the_best_permutation():
    a, b = random_codes(0), random_codes(1)
    b[:, 2] = 0  # a dead latent correlates with nothing
    correlation = slow_correlation(a, b)
    best = max(sum(correlation[i, order[i]] for i in range(5)) for order in permutations(range(5)))
    found = match_latents(codes_of(a), codes_of(b))
    assert sorted(found.order) == list(range(5))
    assert found.correlation.sum() == pytest.approx(best)


def slow_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array([[np.corrcoef(x, y)[0, 1] if x.std() and y.std() else 0.0 for y in b.T] for x in a.T])


def test_a_shuffled_dictionary_is_put_back_in_order():
    sae = build(SAEConfig("topk", 6, 2), 4)
    sae.initialise(torch.randn(20, 4, generator=torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1))
    codes = random_codes(2, width=6)
    order = np.array([3, 0, 5, 1, 4, 2])
    shuffled = match_latents(codes_of(codes[:, order]), codes_of(codes)).apply(sae)
    assert torch.equal(shuffled.W_dec, sae.W_dec[torch.from_numpy(order)])
    assert torch.equal(shuffled.encoder, sae.encoder[torch.from_numpy(order)])


def test_errors():
    full = random_codes(0)
    for first, second in ((full, full[:9]), (full, full[:, :4]), (full[:0], full[:0])):
        with pytest.raises(CompanionError, match="the same pairs and dictionaries of one width"):
            match_latents(codes_of(first), codes_of(second))
    found = match_latents(codes_of(random_codes(0)), codes_of(random_codes(1)))
    with pytest.raises(CompanionError, match="matching needs a one-tower dictionary, and 'vl_sae' is two-tower"):
        found.apply(random_two_towers("vl_sae"))
    with pytest.raises(CompanionError, match="a dictionary of 6 latents for a matching of 5"):
        found.apply(build(SAEConfig("topk", 6, 2), 4))
