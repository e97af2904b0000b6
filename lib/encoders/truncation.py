"""How much of a text a model reads: CLIP cuts at 77 tokens, which is a third of a long description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lib.base.errors import CompanionError
from lib.encoders.clip import ClipEncoder
from lib.encoders.encoder import Encoder

_PART = 1024
"""Number of texts tokenised at a time, each to at most LONG numbers."""

LONG = 2048
"""The largest length of a text that is measured, in tokens."""


def token_lengths(encoder: ClipEncoder, texts: Sequence[str]) -> np.ndarray:
    """Count the tokens of every text with its start and end marks, (n,), up to LONG, even if the model reads fewer."""
    if not texts:
        raise CompanionError(f"{encoder.name}: no texts to measure; give at least one")
    return np.concatenate([_lengths(encoder, texts[start : start + _PART]) for start in range(0, len(texts), _PART)])


def _lengths(encoder: ClipEncoder, texts: Sequence[str]) -> np.ndarray:
    wide = encoder.tokenize(["", *texts], context_length=LONG).numpy()  # type: ignore[call-arg]
    used = wide[1:] != wide[0, -1]  # the empty text ends in padding
    return np.where(used.any(axis=1), LONG - used[:, ::-1].argmax(axis=1), 0)


def cut_off(encoder: ClipEncoder, texts: Sequence[str]) -> np.ndarray:
    """Say which texts are longer than the model's context, so that it does not read their ends; bool (n,)."""
    context = encoder.tokenize([""]).shape[1]
    return token_lengths(encoder, texts) > context


def unknown(encoder: ClipEncoder, texts: Sequence[str]) -> np.ndarray:
    """Say which texts leave the model nothing, because they are blank or wholly outside its vocabulary; bool (n,).

    All such texts have one embedding, which says nothing about them.
    """
    if not texts:
        return np.zeros(0, dtype=bool)
    inner: Any = getattr(encoder.tokenize, "tokenizer", None)  # transformers' tokenizer, where the model has one
    unknown_token = getattr(inner, "unk_token_id", None)
    says_nothing = [*encoder.tokenize([""])[0].tolist(), *([] if unknown_token is None else [unknown_token])]
    tokens = (encoder.tokenize(list(texts[start : start + _PART])).numpy() for start in range(0, len(texts), _PART))
    return np.concatenate([np.isin(part, says_nothing).all(axis=1) for part in tokens])


def check_query(encoder: Encoder, text: str) -> str | None:
    """Refuse a text of which the model knows nothing; return a note about a text whose end it does not read."""
    if not isinstance(encoder, ClipEncoder):
        return None
    if unknown(encoder, [text])[0]:
        raise CompanionError(f"{encoder.name} knows nothing of {text!r}; say it in other words")
    if cut_off(encoder, [text])[0]:
        return f"only the first {encoder.tokenize(['']).shape[1]} tokens of the text are read"
    return None
