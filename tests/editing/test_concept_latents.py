"""Concept latents and raised codes on cases made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.editing.concept_latents import find_concept_latent, raise_latent
from lib.sae.codes import SparseCodes

CODES = SparseCodes.from_matrix(np.arange(4).astype(str), np.array([[1.0, 3, 0], [0, 3, 2], [0, 3, 0], [0.5, 3, 0]]))


def test_the_latent_differs_most_between_shown_and_not():
    assert find_concept_latent(CODES, np.array([True, False, False, True])) == 0
    assert find_concept_latent(CODES, np.array([False, True, False, False])) == 2


def test_only_the_raised_latent_changes():
    change = raise_latent(CODES, 2, 0.5).dense() - CODES.dense()
    assert change.tolist() == [[0, 0, 0.5]] * 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: find_concept_latent(CODES, np.ones(4, bool)), "give booleans, both among them"),
        (lambda: find_concept_latent(CODES, np.ones(3, bool)), "for 4 rows"),
        (lambda: raise_latent(CODES, 3, 1.0), "no latent 3: these codes have 3"),
        (lambda: raise_latent(CODES, 0, float("nan")), "give a finite number"),
    ],
)
def test_errors(call, message):
    with pytest.raises(CompanionError, match=message):
        call()
