"""The embeddings by published CLIP models that the repository ships, each folder with its licence."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from lib.base.files import ROOT, sha256_file
from lib.data.formats.vector_files import read_vector_file

FOLDER = ROOT / "lib" / "data" / "vectors"
"""One folder per set, with `vectors.safetensors`, the notice of its licence, and a card."""


@cache
def shipped(name: str) -> tuple[dict[str, np.ndarray], dict[str, str], dict[str, Any]]:
    """The float32 tensors of a folder, its notes, and the identity of these bytes."""
    path = FOLDER / name / "vectors.safetensors"
    tensors, notes = read_vector_file(path, "run python -m lib.data.sets.ship_vectors")
    return tensors, notes, {"shipped": name, "sha256": sha256_file(path)}
