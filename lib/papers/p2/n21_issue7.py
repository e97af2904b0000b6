"""Paper 2: its table 1, and the measurements of an outside user with the released ViT-B/32 weights (issue 7,
2026-08-31).

The weights and the four data sets cannot be shipped; `python -m lib score vl-sae FOLDER` reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.base.errors import CompanionError
from lib.data.formats.webdataset import zero_shot_shards
from lib.encoders.class_texts import class_texts
from lib.encoders.embeddings import Embeddings, Tower
from lib.encoders.encoder import TextEncoder
from lib.encoders.store import embed
from lib.metrics.rows import unit_rows
from lib.metrics.zero_shot import zero_shot
from lib.sae.formats.published_vl_sae import load_vl_sae
from lib.sae.models.two_towers import TwoTowers

CHECKPOINT = "vlsae_ViT-B-32.pth"
SHA256 = "41dff216"
"""The first digits of the checkpoint's hash (issue 7 of the authors' repository)."""

MODEL = "ViT-B-32 laion2b_s34b_b79k"
"""The open_clip model whose embeddings the checkpoint reads."""


class Reported(NamedTuple):
    """Reported accuracies on a data set, in percent."""

    alpha: float
    """Weight of the codes, from the paper's table A6."""
    paper: float
    """The paper's accuracy without VL-SAE."""
    paper_with: float
    """The paper's accuracy with VL-SAE."""
    user: float
    """The user's accuracy without VL-SAE."""
    user_latents: float
    """The user's accuracy with VL-SAE, on latents."""
    user_decoders: float
    """The user's accuracy with VL-SAE, on decoder outputs."""


REPORTED = {
    "cifar10": Reported(0.6, 93.6, 93.8, 93.56, 93.79, 93.78),
    "dtd": Reported(0.1, 55.9, 56.9, 56.01, 56.38, 56.17),
    "eurosat": Reported(0.2, 47.2, 51.0, 47.15, 46.03, 47.27),
    "mnist": Reported(1.0, 69.8, 71.8, 69.96, 62.51, 58.79),
}
"""The numbers that the paper and the user report, by data set."""


def score_released(encoder: TextEncoder, folder: Path, sha256: str = SHA256) -> pd.DataFrame:
    """Measure the released weights: one row per data set with the reported and the measured numbers, in percent.

    encoder: the model of the weights, MODEL. folder: contains CHECKPOINT, and the data sets in CLIP_benchmark's layout
    under the names of REPORTED. base: accuracy by embeddings alone. latents, decoders: with Eq. 10. Raises
    CompanionError where something is missing or belongs to another encoder.
    """
    sae = load_vl_sae(folder / CHECKPOINT, sha256)
    if sae.d != encoder.dim:
        raise CompanionError(f"{CHECKPOINT} reads {sae.d} dimensions and {encoder.name} gives {encoder.dim}")
    rows = []
    for name, reported in REPORTED.items():
        labelled = zero_shot_shards(folder / name)
        image = embed(labelled.pairs, encoder, towers=("image",)).tower("image")
        classes = class_texts(encoder, labelled.classes, labelled.templates)
        found = issue7_accuracies(sae, image, labelled.labels, classes, reported.alpha)
        rows.append({"data": name, **reported._asdict(), **found})
    return pd.DataFrame(rows)


def issue7_accuracies(
    sae: TwoTowers, image: np.ndarray, labels: np.ndarray, classes: np.ndarray, alpha: float
) -> dict[str, float]:
    """Zero-shot accuracy in percent by embeddings alone and by Eq. 10 on latents and on decoder outputs."""
    found = {"base": zero_shot(image, classes, labels).accuracy}
    towers: tuple[tuple[Tower, np.ndarray], ...] = (("image", image), ("text", classes))
    for source in ("latents", "decoders"):
        both = []
        for tower, rows in towers:
            ids = np.arange(len(rows)).astype(str)
            data = Embeddings(ids, rows, rows, "raw", normalised=False, identity={})
            codes = sae.codes(data, tower)
            h = codes.csr().toarray() if source == "latents" else sae.reconstruct(codes, tower)
            both.append(np.concatenate([unit_rows(tower, rows), np.sqrt(alpha) * unit_rows("codes", h)], axis=1))
        found[source] = zero_shot(both[0], both[1], labels).accuracy
    return {key: 100 * value for key, value in found.items()}
