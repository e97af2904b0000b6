"""ECCV Caption: the captions of COCO's test split that are right for an image, beyond the five written for it.

Sources: ECCV Caption (Chun et al., arXiv 2204.03359) and CxC (Parekh et al., arXiv 2004.15020), both in the files of
the former.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from lib.base.errors import CompanionError
from lib.data.formats.arrays import read_npy
from lib.data.formats.fetch import locate
from lib.data.formats.text_files import read_json

SOURCES = ("original", "cxc", "eccv")
"""The sources of right pairs: COCO's own captions, and these with what the raters of CxC or ECCV Caption added."""

_IDS = "coco_test_ids.npy"


@dataclass(frozen=True)
class Positives:
    """The right pairs of n images and m captions, in both directions.

    A row without entries is not a query: ECCV Caption has 1,261 images and 1,332 captions as queries. Its annotators
    judged the two directions separately, so that neither matrix is the transpose of the other.
    """

    image_ids: np.ndarray
    """COCO's numbers of the images, (n,)."""
    caption_ids: np.ndarray
    """COCO's numbers of the annotations, (m,)."""
    image_to_text: sp.csr_array
    """The captions that are right for each image, bool CSR (n, m)."""
    text_to_image: sp.csr_array
    """The images that are right for each caption, bool CSR (m, n)."""


def positives(source: str) -> Positives:
    """Read the right pairs of a source for the 5,000 images and 25,000 captions of COCO's Karpathy test split."""
    if source not in SOURCES:
        raise CompanionError(f"no positives {source!r}; known: {', '.join(SOURCES)}")
    paths = [f"text/eccv/{source}_{way}.json" for way in ("image_to_caption", "caption_to_image")]
    order, *ways = (locate("eccv-caption", path) for path in (f"text/eccv/{_IDS}", *paths))
    originals = locate("eccv-caption", "text/eccv/original_caption_to_image.json")
    return read_positives(order, originals, *ways)


def read_positives(order: Path, originals: Path, image_to_caption: Path, caption_to_image: Path) -> Positives:
    """Read the right pairs from four files.

    order: the captions in their order. originals: the image of each caption. image_to_caption, caption_to_image: the
    right pairs in each direction. The images are in the order of their first captions.
    """
    captions = _ids(order)
    owners = _table(originals)
    if missing := [int(one) for one in captions if len(owners.get(int(one), [])) != 1]:
        raise CompanionError(
            f"{originals.name}: caption {missing[0]} does not have exactly one image; give files of one version"
        )
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
    """Read an object that maps an id to a list of ids."""
    value = read_json(path)
    if not isinstance(value, dict) or not value:
        raise CompanionError(f"{path.name}: not an object of ids; give a file of ECCV Caption")
    for key, found in value.items():
        good = key.isdigit() and isinstance(found, list) and found and all(type(one) is int for one in found)
        if not good or len(set(found)) < len(found):
            raise CompanionError(f"{path.name}, {key!r}: not a list of different ids; get the file again")
    return {int(key): found for key, found in value.items()}


def _matrix(table: dict[int, list[int]], rows: np.ndarray, columns: np.ndarray, name: str) -> sp.csr_array:
    """Make the matrix of right pairs, (rows, columns).

    The published files name two captions that are not among the 25,000; these are left out. If more are unknown, the
    files do not belong together.
    """
    row_of = {int(one): place for place, one in enumerate(rows)}
    column_of = {int(one): place for place, one in enumerate(columns)}
    pairs = [(row, column) for row, found in table.items() for column in found]
    known = [(row_of[row], column_of[column]) for row, column in pairs if row in row_of and column in column_of]
    if 100 * len(known) < 99 * len(pairs):
        strange = len(pairs) - len(known)
        raise CompanionError(f"{name}: {strange} pairs are not of these images and captions; give files of one version")
    places = np.array(known).T
    return sp.csr_array((np.ones(len(known), bool), (places[0], places[1])), shape=(len(rows), len(columns)))
