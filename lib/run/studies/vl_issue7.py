"""Paper 2, table 1 against what an outside user measured with the released ViT-B/32 weights (issue 7, 2026-08-31).

The four data sets cannot be shipped. Embed them once with open_clip ViT-B-32, laion2b_s34b_b79k, raw, with the class
names and templates of CLIP_benchmark, and give each as `<name>.npz` with image (n, 512), labels (n,) and classes
(c, 512); and the checkpoint as CHECKPOINT in the same folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.data.errors import CompanionError, NotAvailable
from lib.encoders.embeddings import Embeddings, Tower
from lib.metrics.rows import unit_rows
from lib.metrics.zero_shot import zero_shot
from lib.sae.published_vl_sae import B32_SHA256, load_published
from lib.sae.two_towers import TwoTowers

CHECKPOINT = "vlsae_ViT-B-32.pth"


class Reported(NamedTuple):
    """Accuracies in percent: the paper's without and with VL-SAE, the user's without, on latents, on decoders."""

    alpha: float
    paper: float
    paper_with: float
    user: float
    user_latents: float
    user_decoders: float


REPORTED = {
    "cifar10": Reported(0.6, 93.6, 93.8, 93.56, 93.79, 93.78),
    "dtd": Reported(0.1, 55.9, 56.9, 56.01, 56.38, 56.17),
    "eurosat": Reported(0.2, 47.2, 51.0, 47.15, 46.03, 47.27),
    "mnist": Reported(1.0, 69.8, 71.8, 69.96, 62.51, 58.79),
}
"""Alphas are those of the paper's table A6."""


def check(folder: Path, sha256: str = B32_SHA256) -> pd.DataFrame:
    """One row a data set: what is reported, and base, latents and decoders measured here, in percent.

    Raises NotAvailable, with how to get it, where the checkpoint or a data set is not in the folder.
    """
    sae = load_published(folder / CHECKPOINT, sha256=sha256)
    rows = []
    for name, reported in REPORTED.items():
        rows.append({"data": name, **reported._asdict(), **measure(sae, *read(folder / f"{name}.npz"), reported.alpha)})
    return pd.DataFrame(rows)


def measure(
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


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """image, labels and classes of one data set."""
    if not path.is_file():
        raise NotAvailable(
            f"{path.name} is not here; embed the data set with open_clip ViT-B-32 laion2b_s34b_b79k and save image, "
            "labels and classes by numpy.savez"
        )
    try:
        with np.load(path, allow_pickle=False) as stored:
            return stored["image"].astype(np.float32), stored["labels"], stored["classes"].astype(np.float32)
    except (KeyError, ValueError, OSError) as error:
        raise CompanionError(f"{path.name} does not hold image, labels and classes ({error}); save it again") from None
