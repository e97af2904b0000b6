"""Which texts a model cuts: against the shipped model's own tokeniser."""

from __future__ import annotations

import numpy as np
import pytest

from lib.data.errors import CompanionError
from lib.encoders.clip import ClipEncoder, load_clip
from lib.encoders.truncation import cut_off, token_lengths


@pytest.fixture(scope="module")
def clip() -> ClipEncoder:
    return load_clip("scenes-clip")


def test_lengths_are_those_of_the_tokeniser(clip: ClipEncoder) -> None:
    texts = ["", "a red cat", "a cat " * 31, "a cat " * 200, "!!!"]
    own = [len(clip.tokenize.encode(text)) + 2 for text in texts]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(token_lengths(clip, texts), own)
    context = clip.tokenize([""]).shape[1]
    np.testing.assert_array_equal(cut_off(clip, texts), [length > context for length in own])


def test_a_text_that_just_fits_is_not_cut(clip: ClipEncoder) -> None:
    context = clip.tokenize([""]).shape[1]
    fits, over = "cat " * (context - 2), "cat " * (context - 1)
    assert cut_off(clip, [fits, over]).tolist() == [False, True]
    assert np.array_equal(clip.encode_texts([over]), clip.encode_texts([fits]))


def test_no_texts(clip: ClipEncoder) -> None:
    with pytest.raises(CompanionError, match="no texts to measure"):
        token_lengths(clip, [])
