"""Which captions of COCO's test split are right for which images, beyond the five that were written for each.

Sources: ECCV Caption (Chun et al., arXiv 2204.03359) and CxC (Parekh et al., arXiv 2004.15020), in the former's files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from lib.data.arrays import read_npy
from lib.data.errors import CompanionError
from lib.data.fetch import locate
from lib.data.text_files import read_json

SOURCES = ("original", "cxc", "eccv")
"""The five captions an image has; with what CxC's raters added; with what ECCV Caption's annotators added."""

IDS = "coco_test_ids.npy"


@dataclass(frozen=True)
class Positives:
    """Right pairs of n images and m captions, and which of them are asked for.

    image_ids (n,), caption_ids (m,): COCO's numbers (of images and of annotations), the order of rows and columns.
    image_to_text: bool CSR (n, m); text_to_image: bool CSR (m, n). A row without entries is no query: ECCV Caption asks
    for 1,261 images and 1,332 captions, and its two directions were judged apart, so one is not the other transposed.
    """

    image_ids: np.ndarray
    caption_ids: np.ndarray
    image_to_text: sp.csr_array
    text_to_image: sp.csr_array


def positives(source: str) -> Positives:
    """The pairs of one source for the 5,000 images and 25,000 captions of COCO's Karpathy test split."""
    if source not in SOURCES:
        raise CompanionError(f"no positives {source!r}; known: {', '.join(SOURCES)}")
    paths = [f"text/eccv/{source}_{way}.json" for way in ("image_to_caption", "caption_to_image")]
    order, *ways = (locate("eccv-caption", path) for path in (f"text/eccv/{IDS}", *paths))
    originals = locate("eccv-caption", "text/eccv/original_caption_to_image.json")
    return read_positives(order, originals, *ways)


def read_positives(order: Path, originals: Path, image_to_caption: Path, caption_to_image: Path) -> Positives:
    """From four files: the captions in their order, the image of each, and the right ones in either direction.

    Images stand in the order of their first caption.
    """
    captions = _ids(order)
    owners = _table(originals)
    if missing := [int(one) for one in captions if len(owners.get(int(one), [])) != 1]:
        raise CompanionError(f"{originals.name}: not one image of caption {missing[0]}; give files of one version")
    images = np.array(list(dict.fromkeys(owners[int(one)][0] for one in captions)))
    return Positives(
        images,
        captions,
        _matrix(_table(image_to_caption), images, captions, image_to_caption.name),
        _matrix(_table(caption_to_image), captions, images, caption_to_image.name),
    )


def _ids(path: Path) -> np.ndarray:
    ids = read_npy(path)
    if not isinstance(ids, np.ndarray) or ids.ndim != 1 or ids.dtype.kind not in "iu" or len(ids) == 0:
        raise CompanionError(f"{path.name}: not a list of caption numbers; get the file again")
    if len(np.unique(ids)) < len(ids):
        raise CompanionError(f"{path.name}: a caption appears twice; get the file again")
    return ids


def _table(path: Path) -> dict[int, list[int]]:
    """An object of number to numbers."""
    value = read_json(path)
    if not isinstance(value, dict) or not value:
        raise CompanionError(f"{path.name}: no object of ids; give a file of ECCV Caption")
    for key, found in value.items():
        good = key.isdigit() and isinstance(found, list) and found and all(type(one) is int for one in found)
        if not good or len(set(found)) < len(found):
            raise CompanionError(f"{path.name}, {key!r}: not a list of different ids; get the file again")
    return {int(key): found for key, found in value.items()}


def _matrix(table: dict[int, list[int]], rows: np.ndarray, columns: np.ndarray, name: str) -> sp.csr_array:
    """Right pairs (rows, columns). The published files name two captions that are in none of the 25,000; they cannot be
    found, and are left out. More of them mean that the files do not belong together."""
    row_of = {int(one): place for place, one in enumerate(rows)}
    column_of = {int(one): place for place, one in enumerate(columns)}
    pairs = [(row, column) for row, found in table.items() for column in found]
    known = [(row_of[row], column_of[column]) for row, column in pairs if row in row_of and column in column_of]
    if 100 * len(known) < 99 * len(pairs):
        strange = len(pairs) - len(known)
        raise CompanionError(f"{name}: {strange} pairs are not of these images and captions; give files of one version")
    places = np.array(known).T
    return sp.csr_array((np.ones(len(known), bool), (places[0], places[1])), shape=(len(rows), len(columns)))
