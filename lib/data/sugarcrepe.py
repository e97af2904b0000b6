"""SugarCrepe: for 7,511 COCO val2017 images a right caption and a fluent wrong one.

Source: Hsieh et al., arXiv 2306.14610.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.data.errors import CompanionError
from lib.data.fetch import locate
from lib.data.files import sha256_file
from lib.data.text_files import read_json, sentence

SIZES = {
    "add_att": 692,
    "add_obj": 2062,
    "replace_att": 788,
    "replace_obj": 1652,
    "replace_rel": 1406,
    "swap_att": 666,
    "swap_obj": 245,
}
"""Items of each subset: what was done to the caption, and to which kind of word."""


@dataclass(frozen=True)
class HardNegatives:
    """n items: images (file names of val2017, some more than once), right and wrong captions."""

    subset: str
    images: tuple[str, ...]
    captions: tuple[str, ...]
    negatives: tuple[str, ...]
    identity: dict[str, Any]

    def __len__(self) -> int:
        return len(self.images)


def sugarcrepe(subset: str) -> HardNegatives:
    """One of the seven subsets."""
    if subset not in SIZES:
        raise CompanionError(f"SugarCrepe has no subset {subset!r}; known: {', '.join(SIZES)}")
    items = read_sugarcrepe(locate("sugarcrepe", f"text/sugarcrepe/{subset}.json"))
    if len(items) != SIZES[subset]:
        raise CompanionError(
            f"SugarCrepe's {subset} has {SIZES[subset]} items and this file {len(items)}; get it again"
        )
    return items


def read_sugarcrepe(path: Path) -> HardNegatives:
    """The items of a file such as `swap_att.json`, an object of numbered items (`swap_obj` leaves some numbers out)."""
    value = read_json(path)
    if not isinstance(value, dict) or not value:
        raise CompanionError(f"{path.name}: no object of numbered items; give a file of SugarCrepe")
    names = ("filename", "caption", "negative_caption")
    rows = []
    for number, item in value.items():
        where = f"{path.name}, item {number}"
        rows.append([sentence(item, name, where) for name in names])
        if rows[-1][1] == rows[-1][2]:
            raise CompanionError(f"{where}: the negative caption is the caption; get the file again")
    images, captions, negatives = (tuple(column) for column in zip(*rows, strict=True))
    identity = {"dataset": "sugarcrepe", "file": path.name, "sha256": sha256_file(path)}
    return HardNegatives(path.stem, images, captions, negatives, identity)
