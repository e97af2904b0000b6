"""How much of a text a model reads: CLIP cuts at 77 tokens, a third of a long description."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lib.data.errors import CompanionError
from lib.encoders.clip import ClipEncoder

LONG = 2048
"""Tokens up to which the length of a text is measured."""


def token_lengths(encoder: ClipEncoder, texts: Sequence[str]) -> np.ndarray:
    """Tokens of every text with its start and end marks, (n,), at most LONG, however few the model reads."""
    if not texts:
        raise CompanionError(f"{encoder.name}: no texts to measure; give at least one")
    wide = encoder.tokenize(["", *texts], context_length=LONG).numpy()  # type: ignore[call-arg]
    used = wide[1:] != wide[0, -1]  # the empty text ends in padding
    return np.where(used.any(axis=1), LONG - used[:, ::-1].argmax(axis=1), 0)


def cut_off(encoder: ClipEncoder, texts: Sequence[str]) -> np.ndarray:
    """Whether a text is longer than the model's context, so that its end is not read, (n,)."""
    context = encoder.tokenize([""]).shape[1]
    return token_lengths(encoder, texts) > context
