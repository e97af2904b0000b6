"""Flickr8k: 8,091 photographs with five human captions each, in the official split.

Source: Hodosh, Young and Hockenmaier, JAIR 2013, doi 10.1613/jair.3994.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from lib.base.errors import CompanionError
from lib.data.formats.archive import TarImages
from lib.data.formats.fetch import locate
from lib.data.formats.text_files import check_size, read_text, text_pairs
from lib.data.pairs import Pairs

_SIZES = {"train": 6000, "dev": 1000, "test": 1000}
_HEADER = ["image", "caption"]


def flickr8k(split: str) -> Pairs:
    """Read the photos of a split with five captions each; the ids are the file names."""
    if split not in _SIZES:
        raise CompanionError(f"Flickr8k has no split {split!r}; known: {', '.join(_SIZES)}")
    captions, names = (f"flickr8k/{file}" for file in ("captions.csv", f"Flickr_8k.{split}Images.txt"))
    pairs = read_flickr8k(locate("flickr8k", captions), locate("flickr8k", names))
    check_size(pairs, _SIZES[split], f"Flickr8k's {split} split")
    photos = TarImages(locate("flickr8k", "flickr8k/images.tar"), [f"images/{name}" for name in pairs.ids])
    return replace(pairs, images=photos)


def read_flickr8k(captions: Path, names: Path) -> Pairs:
    """Read the captions of the images that a split file names, one per line; the pairs have no pictures.

    A name without captions is left out and noted in the identity; the published test list begins with one.
    """
    texts = _captions(captions)
    listed = read_text(names).split()
    if len(set(listed)) < len(listed):
        twice = next(name for place, name in enumerate(listed) if name in listed[:place])
        raise CompanionError(f"{names.name}: {twice} appears twice; get the file again")
    stray = [name for name in listed if name not in texts]
    if 2 * len(stray) > len(listed):
        raise CompanionError(
            f"{names.name}: {captions.name} has captions of only a few of its images; give files of one data set"
        )
    kept = [(name, tuple(texts[name])) for name in listed if name in texts]
    return text_pairs("flickr8k", [captions, names], kept, left_out=stray)


def _captions(path: Path) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    rows = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        if next(rows, None) != _HEADER:
            raise CompanionError(f"{path.name}: the first line is not {','.join(_HEADER)}; give the captions file")
        for row in rows:
            if len(row) != 2 or not all(row):
                raise CompanionError(f"{path.name}, line {rows.line_num}: not image,caption; get the file again")
            texts.setdefault(row[0], []).append(row[1])
    except csv.Error as error:
        raise CompanionError(f"{path.name}, line {rows.line_num}: cut off ({error}); get the file again") from None
    return texts
