"""Real CLIP ViT-B/16 embeddings of 500 COCO pairs, made by others and published without the photos.

They are the world `clip-arrays`. The repository ships them (`lib.data.sets.ship_vectors`), under their MIT licence.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lib.data.sets.shipped_vectors import shipped


def coco500() -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Read embeddings of 500 COCO image-caption pairs by OpenAI's CLIP ViT-B/16.

    Returns the ids (500,), the image and the text embeddings, float32 (500, 512), unit norm to half precision, where
    row i of both is pair i, and the identity of these bytes. Source: Liang et al., Mind the Gap (NeurIPS 2022),
    figure 1.

    Examples
    --------
    >>> ids, image, text, _ = coco500()
    >>> len(ids), image.shape == text.shape
    (500, True)
    """
    tensors, _, identity = shipped("coco500-vitb16")
    image, text = tensors["image"], tensors["text"]
    return np.array([f"coco500-{i:03d}" for i in range(len(image))]), image, text, identity
