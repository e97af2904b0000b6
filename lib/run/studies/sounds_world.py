"""How good the CLAP of the sounds world is, measured on sounds that no training heard, and what sounds look like."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from lib.data.audio import Sound
from lib.data.sounds import SoundTruth, sounds, truth_of
from lib.data.sounds.grammar import SILENT, instrument_prompts, true_of
from lib.data.sounds.vocabulary import KIND_NAMES
from lib.encoders.clap import ClapEncoder
from lib.encoders.log_mel import cut, log_mel
from lib.encoders.store import embed
from lib.metrics.gap import modality_gap
from lib.metrics.retrieval import retrieval, true_at_1
from lib.metrics.zero_shot import zero_shot

CANDIDATES = 400
"""Sounds and captions in each retrieval test."""


def encoder_table(encoder: ClapEncoder, draws: tuple[int, ...] = (1, 2, 3)) -> pd.DataFrame:
    """One row for each split and draw of CANDIDATES unseen sounds (other sounds, the same encoder).

    zero_shot: accuracy for the main instrument among 16. true_caption, true_sound: share of top-1 retrieved captions
    that are true of the sound, and of sounds of which the caption is true. r1: recall at 1 of the exact caption, which
    other true captions push down. matched, random, l2m, rmg: see `lib.metrics.gap`.
    """
    classes = encoder.encode_texts(list(instrument_prompts()))
    rows = []
    for split in ("test", "novel"):
        for draw in draws:
            truth = truth_of(split, CANDIDATES, draw)
            e = embed(sounds(split, CANDIDATES, draw), encoder).unit()
            audio, text = e.tower("image"), e.tower("text")
            holds = true_of(truth.asserted[:, 0], truth.sounds)
            gap = modality_gap(audio, text)
            rows.append(
                {
                    "split": split,
                    "draw": draw,
                    "zero_shot": zero_shot(audio, classes, truth.sounds[:, 0]).accuracy,
                    "true_caption": true_at_1(audio, text, holds.T).mean(),
                    "true_sound": true_at_1(text, audio, holds).mean(),
                    "r1": retrieval(audio, text).image_to_text.recall(1),
                    "chance_true": holds.mean(),
                    **{name: getattr(gap, name) for name in ("matched", "random", "l2m", "rmg")},
                }
            )
    return pd.DataFrame(rows)


def spectrogram(encoder: ClapEncoder, sound: Sound) -> np.ndarray:
    """(mel bins, frames), in decibels: what the encoder is shown of a sound that is as long as its window."""
    samples = torch.from_numpy(cut(sound, encoder.extractor, 1))
    return log_mel(samples, encoder.extractor)[0, 0].numpy().T


def title(truth: SoundTruth, row: int) -> str:
    """The main instrument of a sound, and the one of its drone."""
    main, other = (KIND_NAMES[code] if code != SILENT else "" for code in truth.sounds[row, [0, 7]])
    return f"{main} and {other}" if other else main
