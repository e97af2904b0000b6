"""Real CLIP ViT-B/32 vectors of 1,000 Flickr8k photos, made by others; they are the world `flickr1k`.

They share their space with `label_vectors`, not with `coco_vectors`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lib.data.formats.arrays import read_unit_rows
from lib.data.formats.fetch import locate
from lib.data.formats.manifest import load_manifest

_DATASET = "flickr1k-vitb32"
_PATH = "clip-arrays/flickr1k-vitb32/image_embeddings.npy"


def flickr1k() -> tuple[np.ndarray, dict[str, Any]]:
    """Read unit embeddings (1000, 512) of the first 1,000 photos of Flickr8k's training list, and their identity."""
    image = read_unit_rows(locate(_DATASET, _PATH), (1000, 512))
    return image, {"dataset": _DATASET, "sha256": load_manifest().file(_DATASET, _PATH).sha256}
