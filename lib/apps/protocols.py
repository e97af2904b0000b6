"""The published benchmarks of retrieval: what of their files is on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from lib.data.captions import sentences
from lib.data.formats.fetch import verify
from lib.data.formats.manifest import load_manifest
from lib.data.pairs import Pairs
from lib.data.sets.coco_captions import coco_val2017
from lib.data.sets.eccv_caption import SOURCES, positives
from lib.data.sets.imageinwords import iiw
from lib.data.sets.karpathy_splits import coco_karpathy
from lib.data.sets.rococo import FILES, rococo
from lib.data.sets.sugarcrepe import SUBSETS, sugarcrepe

_Row = tuple[str, int, int, str]
"""What it is, images or items, captions, and a note."""


def counts() -> pd.DataFrame:
    """One row for each file or set that is on this machine, complete and unchanged; nothing is fetched."""
    rows: list[_Row] = []
    for dataset, count in PROTOCOL_COUNTS.items():
        if all(state == "ok" for _, state in verify(dataset)):
            rows += count()
        else:
            way = (
                "run `python -m lib data fetch" if load_manifest().dataset(dataset).access == "public" else "see `data"
            )
            rows.append((dataset, 0, 0, f"not here; {way} {dataset}`"))
    return pd.DataFrame(rows, columns=["what", "images", "captions", "note"])


def _karpathy_counts() -> Iterator[_Row]:
    yield "COCO, Karpathy's test", *_size(coco_karpathy("test")), "val2014; ten images have a sixth caption"


def _val2017_counts() -> Iterator[_Row]:
    yield "COCO, val2017", *_size(coco_val2017()), "other images than Karpathy's test"


def _rococo_counts() -> Iterator[_Row]:
    for kind in FILES:
        both = rococo(kind)
        yield f"RoCOCO, {kind}", *_size(both.altered), f"altered; {both.unchanged()} equal to their original"


def _sugarcrepe_counts() -> Iterator[_Row]:
    for subset in SUBSETS:
        items = sugarcrepe(subset)
        yield f"SugarCrepe, {subset}", len(set(items.images)), 2 * len(items), f"{len(items)} items of two captions"


def _positive_counts() -> Iterator[_Row]:
    for source in SOURCES:
        found = positives(source)
        asked = [int((np.diff(way.indptr) > 0).sum()) for way in (found.image_to_text, found.text_to_image)]
        yield f"right pairs, {source}", asked[0], asked[1], f"{found.image_to_text.nnz} right captions"


def _iiw_counts() -> Iterator[_Row]:
    yield "IIW, paragraphs", *_size(iiw()), "one an image"
    yield "IIW, sentences", *_size(sentences(iiw())), "the other protocol"


PROTOCOL_COUNTS: dict[str, Callable[[], Iterator[_Row]]] = {
    "coco-karpathy": _karpathy_counts,
    "coco-val2017": _val2017_counts,
    "rococo": _rococo_counts,
    "sugarcrepe": _sugarcrepe_counts,
    "eccv-caption": _positive_counts,
    "imageinwords": _iiw_counts,
}


def _size(pairs: Pairs) -> tuple[int, int]:
    return len(pairs), sum(map(len, pairs.captions or ()))
