"""The published benchmarks by name, and `lib score`, which scores an encoder or a file of answers on one of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from lib.apps.given import check_protocol
from lib.apps.score_answers import score_chair, score_pope
from lib.apps.score_classes import score_zero_shot
from lib.apps.score_retrieval import (
    score_coco,
    score_dci,
    score_docci,
    score_eccv,
    score_iiw,
    score_rococo,
    score_sugarcrepe,
    score_val2017,
)
from lib.apps.score_sounds import SOUNDS
from lib.base.errors import CompanionError
from lib.encoders.encoder import TextEncoder
from lib.encoders.open_model import open_model
from lib.papers.p2.n21_issue7 import MODEL, score_released
from lib.worlds.open_world import open_world
from lib.worlds.profiles import Profile

PROTOCOLS: dict[str, Callable[[TextEncoder, Path], pd.DataFrame]] = {
    "coco-karpathy": score_coco,
    "coco-val2017": score_val2017,
    "eccv": score_eccv,
    "rococo": score_rococo,
    "sugarcrepe": score_sugarcrepe,
    "docci": score_docci,
    "dci": score_dci,
    "iiw": score_iiw,
    "zero-shot": score_zero_shot,
    "vl-sae": score_released,
    **SOUNDS,
}
"""Protocols for encoders: functions of the encoder and the benchmark's folder."""

ANSWERS: dict[str, Callable[[Path, Path], pd.DataFrame]] = {"pope": score_pope, "chair": score_chair}
"""Protocols for answers: functions of the file of answers and the benchmark's files."""


def score_encoder(protocol: str, encoder: TextEncoder, folder: Path) -> pd.DataFrame:
    """Score an encoder on a protocol, in percent. folder: the benchmark's files, as the protocol's function says."""
    if encoder.encode_texts is None:
        raise CompanionError(f"{encoder.name} has no text tower; retrieval needs one")
    check_protocol(protocol, None)
    return PROTOCOLS[protocol](encoder, folder.expanduser())


def score_protocol(
    protocol: str, path: Path, profile: Profile, encoder: str | None = None, answers: Path | None = None
) -> pd.DataFrame:
    """Score an encoder, or a file of answers, on one of the protocols, in percent.

    path: the benchmark's files. encoder: its name, as `open_model` (for sounds `load_clap`) takes it; by default that
    of the profile's world, for sounds the shipped CLAP, and for `vl-sae` the model on which its weights were trained.
    Raises CompanionError for an unknown protocol, and where answers are missing or too many.
    """
    check_protocol(protocol, answers)
    if answers is not None:
        return ANSWERS[protocol](answers.expanduser(), path.expanduser())
    return score_encoder(protocol, _open(protocol, profile, encoder), path)


def _open(protocol: str, profile: Profile, encoder: str | None) -> TextEncoder:
    if protocol in SOUNDS:
        from lib.encoders.clap import load_clap  # its classes take seconds to import

        return load_clap(encoder or "sounds-clap")
    if encoder is None and protocol != "vl-sae":
        return open_world(profile).encoder
    return open_model(encoder or MODEL)
