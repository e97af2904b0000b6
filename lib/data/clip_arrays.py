"""The `clip-arrays` world: real CLIP embeddings of 500 COCO pairs, made by others and published without the photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lib.data.arrays import read_npy
from lib.data.errors import CompanionError
from lib.data.fetch import locate
from lib.data.manifest import load_manifest

DATASET = "clip-arrays"
PATH = "clip-arrays/coco500-vitb16/features_clip.npy"
SHAPE = (2, 500, 512)


def coco500() -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Embeddings of 500 COCO image-caption pairs by OpenAI's CLIP ViT-B/16.

    Returns ids (500,), image (500, 512) and text (500, 512), float32, unit norm to half precision, row i of both being
    pair i, and the identity of these bytes. Source: Liang et al., Mind the Gap (NeurIPS 2022), figure 1.
    NotAvailable where the file is neither here nor to be fetched.
    """
    image, text = read_towers(locate(DATASET, PATH), SHAPE)
    ids = np.array([f"coco500-{i:03d}" for i in range(len(image))])
    identity = {"dataset": DATASET, "path": PATH, "sha256": load_manifest().file(DATASET, PATH).sha256}
    return ids, image, text, identity


def read_towers(path: Path, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Image and text halves of one .npy file of float32 unit vectors; any other content is a one-line error."""
    array = read_npy(path)
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != np.float32:
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise CompanionError(f"{path.name}: expected float32 {shape}, found {found}; get the right file")
    norms = np.linalg.norm(array.astype(np.float64), axis=-1)
    wrong = ~(np.abs(norms - 1) < 1e-2)  # also true of NaN
    if wrong.any():
        tower, row = np.argwhere(wrong)[0]
        raise CompanionError(
            f"{path.name}: row {row} of tower {tower} has norm {norms[tower, row]:.3g} instead of 1; get the right file"
        )
    return array[0], array[1]
