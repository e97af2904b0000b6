"""Benchmarks of sounds: retrieval with captions, and zero-shot classification, by a CLAP.

folder: the data set's own, with the file of captions and the folder of clips that `LAYOUTS` names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from lib.apps.score_classes import score_labelled
from lib.apps.score_retrieval import score_pairs
from lib.data.labelled import LabelledPairs
from lib.data.pairs import Pairs
from lib.data.sets.audiocaps import audiocaps
from lib.data.sets.clotho import clotho
from lib.data.sets.esc50 import esc50
from lib.data.sets.musicbench import musicbench
from lib.encoders.encoder import TextEncoder

LAYOUTS: dict[str, tuple[Callable[[Path, Path], Pairs], str, str]] = {
    "audiocaps": (audiocaps, "test.csv", "test"),
    "clotho": (clotho, "clotho_captions_evaluation.csv", "evaluation"),
    "musicbench": (musicbench, "MusicBench_test_A.json", "datashare"),
}
"""Test sets by name: their reader, the file of captions, the folder of clips."""

TEMPLATE = "This is a sound of {}."
"""The prompt with which LAION's CLAP classifies (Wu et al., ICASSP 2023)."""


def score_clips(name: str, encoder: TextEncoder, folder: Path) -> pd.DataFrame:
    """Score a data set of `LAYOUTS`: one row per direction, with R@k."""
    read, captions, clips = LAYOUTS[name]
    return score_pairs(encoder, read(folder / captions, folder / clips))


def score_esc50(encoder: TextEncoder, folder: Path) -> pd.DataFrame:
    """Score the 2,000 sounds of ESC-50 in 50 classes. folder: contains `meta/esc50.csv` and `audio`."""
    pairs = esc50(folder / "meta" / "esc50.csv", folder / "audio")
    assert pairs.facts is not None
    classes = tuple(name.removeprefix("category:").replace("_", " ") for name in pairs.facts.names)
    labelled = LabelledPairs(replace(pairs, captions=None, facts=None), pairs.facts.truth.argmax(axis=1), classes)
    return score_labelled(encoder, labelled, (TEMPLATE,))


SOUNDS: dict[str, Callable[[TextEncoder, Path], pd.DataFrame]] = {
    **{name: partial(score_clips, name) for name in LAYOUTS},
    "esc50": score_esc50,
}
"""Protocols by name."""
