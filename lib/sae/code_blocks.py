"""Codes of stores that are larger than memory, block by block, for measures that can be merged."""

from __future__ import annotations

from collections.abc import Iterator

from lib.encoders.embeddings import Embeddings, Tower
from lib.sae.base import Dictionary
from lib.sae.codes import SparseCodes

ROWS = 8192
"""Number of rows in a block."""


def code_blocks(
    sae: Dictionary, embeddings: Embeddings, tower: Tower = "image", rows: int = ROWS
) -> Iterator[tuple[slice, SparseCodes]]:
    """Yield the codes of a tower, `rows` rows at a time, each with the slice of its rows.

    Together they are `sae.codes(embeddings, tower)`. Measures that accept rows in parts can use them: `FidelitySums`,
    `Firing`, `ScoreSums`, `TopExamples`.

    Examples
    --------
    >>> import numpy as np
    >>> from lib.sae.config import SAEConfig
    >>> from lib.sae.recipes import build
    >>> embeddings = Embeddings(np.arange(5).astype(str), np.eye(5, dtype=np.float32), None, "by hand", True, {})
    >>> sae = build(SAEConfig("topk", width=8, k=2), 5).eval()
    >>> [(rows.start, rows.stop, len(codes)) for rows, codes in code_blocks(sae, embeddings, rows=3)]
    [(0, 3, 3), (3, 5, 2)]
    """
    matrix = embeddings.tower(tower)
    for start in range(0, len(matrix), rows):
        part = slice(start, min(start + rows, len(matrix)))
        image, text = (matrix[part], None) if tower == "image" else (None, matrix[part])
        block = Embeddings(
            embeddings.ids[part], image, text, embeddings.encoder, embeddings.normalised, embeddings.identity
        )
        yield part, sae.codes(block, tower)
