"""Which texts a model cuts: against the shipped model's own tokeniser."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.encoders.clip import ClipEncoder, load_clip
from lib.encoders.truncation import check_query, cut_off, token_lengths, unknown
from tests.encoders.examples import Toy


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


class Words:
    """A tokeniser of four words: 0 pads, 1 starts, 2 ends, 3 is any other word."""

    def __init__(self) -> None:
        self.tokenizer = SimpleNamespace(unk_token_id=3)
        self.known = {"a": 4, "dog": 5, "runs": 6, "fast": 7}

    def __call__(self, texts: list[str], context_length: int = 8) -> torch.Tensor:
        rows = [[1, *(self.known.get(word, 3) for word in text.split()), 2] for text in texts]
        return torch.tensor([(row + [0] * context_length)[:context_length] for row in rows])


def test_a_text_of_which_nothing_is_known(clip: ClipEncoder) -> None:
    encoder = replace(clip, tokenize=Words())
    texts = ["a dog", "犬", "🐕 собака", "", " \n", "a 犬"]
    assert unknown(encoder, texts).tolist() == [False, True, True, True, True, False]
    assert unknown(encoder, texts * 500).tolist() == [False, True, True, True, True, False] * 500
    assert unknown(clip, texts).tolist() == [False, False, False, True, True, False], "it reads bytes"
    assert unknown(clip, ["!", "a"]).tolist() == [False, False] and len(unknown(clip, [])) == 0


def test_a_query_is_refused_or_remarked_upon(clip: ClipEncoder) -> None:
    encoder = replace(clip, tokenize=Words())
    assert check_query(encoder, "a dog runs") is None and check_query(Toy(), "") is None
    assert check_query(encoder, "a dog runs " * 3) == "only the first 8 tokens of the text are read"
    for text in ("犬", ""):
        with pytest.raises(CompanionError, match=f"scenes-clip knows nothing of '{text}'; say it in other words"):
            check_query(encoder, text)


def test_lengths_of_many_texts(clip: ClipEncoder) -> None:
    texts = ["a red cat" + " cat" * (i % 5) for i in range(2500)]
    np.testing.assert_array_equal(token_lengths(clip, texts), np.tile(token_lengths(clip, texts[:5]), 500))
