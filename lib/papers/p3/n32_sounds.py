"""The CLAP encoder of the sounds world, measured on sounds that were not in its training, and pictures of sounds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import torch

from lib.data.formats.audio import Sound
from lib.data.sounds import SoundTruth, sounds, truth_of
from lib.data.sounds.sound_grammar import SILENT, instrument_prompts, true_of
from lib.data.sounds.sound_words import KIND_NAMES
from lib.encoders.clap import ClapEncoder
from lib.encoders.log_mel import cut, log_mel
from lib.encoders.store import embed
from lib.papers.common.unseen import unseen_scores

_CANDIDATES = 400
"""Sounds and captions in each retrieval test."""


def sound_encoder_table(encoder: ClapEncoder, draws: tuple[int, ...] = (1, 2, 3)) -> pd.DataFrame:
    """`unseen_scores` of the encoder, one row per split and draw of _CANDIDATES unseen sounds.

    Draws differ in their sounds, not in the encoder. The classes are the 16 instruments.
    """
    classes = encoder.encode_texts(list(instrument_prompts()))
    rows = []
    for split, draw in product(("test", "novel"), draws):
        truth = truth_of(split, _CANDIDATES, draw)
        pairs = embed(sounds(split, _CANDIDATES, draw), encoder).unit()
        holds = true_of(truth.asserted[:, 0], truth.sounds)
        scores = unseen_scores(pairs, classes, truth.sounds[:, 0], holds, "sound")
        rows.append({"split": split, "draw": draw, **scores})
    return pd.DataFrame(rows)


def spectrogram(encoder: ClapEncoder, sound: Sound) -> np.ndarray:
    """(mel bins, frames) in decibels: the encoder's input for a sound as long as its window."""
    samples = torch.from_numpy(cut(sound, encoder.extractor, 1))
    return log_mel(samples, encoder.extractor)[0, 0].numpy().T


def sound_title(truth: SoundTruth, row: int) -> str:
    """Name the main instrument of a sound, and the one of its drone."""
    main, other = (KIND_NAMES[code] if code != SILENT else "" for code in truth.sounds[row, [0, 7]])
    return f"{main} and {other}" if other else main
