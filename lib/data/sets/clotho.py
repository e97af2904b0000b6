"""Clotho: sounds with five captions each. Source: Drossos et al., ICASSP 2020."""

from __future__ import annotations

from pathlib import Path

from lib.data.formats.captioned_sounds import clip_pairs, read_csv_rows
from lib.data.pairs import Pairs

_COLUMNS = ("file_name", *(f"caption_{i}" for i in range(1, 6)))


def clotho(captions: Path, folder: Path) -> Pairs:
    """Read a split of Clotho. captions: `clotho_captions_<split>.csv`. folder: the folder of the split's clips."""
    texts = [(row["file_name"], tuple(row[name] for name in _COLUMNS[1:])) for row in read_csv_rows(captions, _COLUMNS)]
    return clip_pairs("clotho", captions, folder, texts)
