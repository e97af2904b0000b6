"""SugarCrepe: 7,511 items of a COCO val2017 image, a right caption and a fluent wrong one.

Source: Hsieh et al., arXiv 2306.14610.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.data.formats.fetch import locate
from lib.data.formats.text_files import read_json, text_field

SUBSETS = {
    "add_att": 692,
    "add_obj": 2062,
    "replace_att": 788,
    "replace_obj": 1652,
    "replace_rel": 1406,
    "swap_att": 666,
    "swap_obj": 245,
}
"""The number of items of each subset, which is named after the change of the caption and the kind of word."""


@dataclass(frozen=True)
class HardNegatives:
    """The n items of a subset."""

    subset: str
    """The name of the subset."""
    images: tuple[str, ...]
    """File names of val2017 (n), some of them more than once."""
    captions: tuple[str, ...]
    """Right captions (n)."""
    negatives: tuple[str, ...]
    """Wrong captions (n)."""
    identity: dict[str, Any]
    """Plain JSON that decides all of these."""

    def __len__(self) -> int:
        return len(self.images)


def sugarcrepe(subset: str) -> HardNegatives:
    """Read one of the seven subsets."""
    if subset not in SUBSETS:
        raise CompanionError(f"SugarCrepe has no subset {subset!r}; known: {', '.join(SUBSETS)}")
    items = read_sugarcrepe(locate("sugarcrepe", f"text/sugarcrepe/{subset}.json"))
    if len(items) != SUBSETS[subset]:
        raise CompanionError(
            f"SugarCrepe's {subset} has {SUBSETS[subset]} items and this file {len(items)}; get it again"
        )
    return items


def read_sugarcrepe(path: Path) -> HardNegatives:
    """Read a file such as `swap_att.json`, an object of numbered items (`swap_obj` leaves some numbers out)."""
    value = read_json(path)
    if not isinstance(value, dict) or not value:
        raise CompanionError(f"{path.name}: not an object of numbered items; give a file of SugarCrepe")
    names = ("filename", "caption", "negative_caption")
    rows = []
    for number, item in value.items():
        where = f"{path.name}, item {number}"
        rows.append([text_field(item, name, where) for name in names])
        if rows[-1][1] == rows[-1][2]:
            raise CompanionError(f"{where}: the negative caption is the caption; get the file again")
    images, captions, negatives = (tuple(column) for column in zip(*rows, strict=True))
    identity = {"dataset": "sugarcrepe", "file": path.name, "sha256": sha256_file(path)}
    return HardNegatives(path.stem, images, captions, negatives, identity)
