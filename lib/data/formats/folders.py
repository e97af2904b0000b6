"""Folders of pictures: with or without captions, with a subfolder for each class, or of the pictures of a benchmark.

All of them have the same identity: the names, sizes and times of change of the pictures, since a folder may be too
large to be hashed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.errors import CompanionError
from lib.base.files import sha256_file, state_of
from lib.base.names import count
from lib.data.chosen import choose_pairs
from lib.data.formats.caption_files import Captions, Matched, check_matched, match_captions, read_captions
from lib.data.formats.images import ImageFolder
from lib.data.formats.text_files import read_text
from lib.data.labelled import LabelledPairs
from lib.data.pairs import Pairs
from lib.data.tally import OnBad, Tally


def picture_folder(folder: Path) -> Pairs:
    """Read all pictures in a folder and its subfolders, without captions; the ids are their paths in the folder.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (8, 8), "red").save(folder / "red.png")
    >>> pairs = picture_folder(folder)
    >>> pairs.ids.tolist(), pairs.images[0].getpixel((0, 0))
    (['red.png'], (255, 0, 0))
    """
    images = ImageFolder(folder.expanduser())
    return Pairs(np.array(images.names), images, None, _identity(images), tally=images.tally)


def with_captions(pairs: Pairs, file: Path, on_bad: OnBad = "refuse") -> Pairs:
    """Give pictures the captions of a file, which names the pictures by their ids.

    file: a `.csv` (a header with the columns image and caption) or `.jsonl` (objects with image and caption). A picture
    may have several lines. Names are compared by what people mean (`lib.base.names.plain_name`). on_bad: what to do
    about pictures without captions, and captions of other pictures: refuse, or skip them and say so in the tally.
    """
    found, names = read_captions(file), pairs.ids.tolist()
    matched = match_captions(found.rows, names, file.name)
    if on_bad == "refuse" or not matched.texts:
        check_matched(matched, names, file.name)
    rows = [row for row, name in enumerate(names) if name in matched.texts]
    texts = [tuple(matched.texts[names[row]]) for row in rows]
    tally = pairs.tally and _with_rows(pairs.tally, file.name, found, matched, set(names) - set(matched.texts))
    if len(rows) < len(names):
        pairs = choose_pairs(pairs, rows, left_out="uncaptioned")
    identity = {**pairs.identity, "captions": sha256_file(file)}
    return replace(pairs, captions=tuple(texts), identity=identity, tally=tally)


def _with_rows(tally: Tally, file: str, found: Captions, matched: Matched, without: set[str]) -> Tally:
    """The account of a folder with that of its file of captions."""
    used = sum(map(len, matched.texts.values()))
    more = " (the first of each picture is embedded)" if used > len(matched.texts) else ""
    tally = tally.reading(f"{count(used, 'caption')} in {file}{more}", file)
    for kind, names in found.unread.items():
        tally = tally.leaving(kind, names)
    strays = [f"line {one.line}: {one.image}" for one in matched.strays]
    return tally.leaving("uncaptioned picture", sorted(without)).leaving("stray caption", strays)


def with_pictures(pairs: Pairs, folder: Path) -> Pairs:
    """Give pairs the pictures of a folder, in which the ids of the pairs are the paths of their pictures."""
    images = ImageFolder(folder.expanduser(), pairs.ids.tolist())
    missing = [name for name in images.names if not (images.folder / name).is_file()]
    if missing:
        raise CompanionError(f"{folder}: {len(missing)} of {len(images)} pictures are missing, first {missing[0]}")
    return replace(pairs, images=images, identity={**pairs.identity, **_identity(images)})


def class_folders(folder: Path, names: Path | None = None) -> LabelledPairs:
    """Read pictures that have one subfolder per class, as ImageNet's train folder has; classes are sorted by folder.

    names: a file with one line per class: the name of its folder, a blank or tab, and the names of the class with
    commas between them (ImageNet's LOC_synset_mapping.txt), of which the first is taken. Without it, classes have the
    names of their folders.
    """
    pairs = picture_folder(folder)
    loose = [name for name in pairs.ids.tolist() if "/" not in name]
    if loose:
        raise CompanionError(f"{folder}: {loose[0]} is in no folder of a class; give the folder above them")
    kinds = [name.split("/")[0] for name in pairs.ids.tolist()]
    called = _class_names(names) if names else {kind: kind for kind in kinds}
    if unnamed := sorted(set(kinds) - set(called)):
        raise CompanionError(f"{names.name if names else folder}: no name for class {unnamed[0]}; add a line for it")
    classes, labels = np.unique(np.array(kinds), return_inverse=True)
    return LabelledPairs(pairs, labels, tuple(called[str(one)] for one in classes))


def _identity(images: ImageFolder) -> dict[str, Any]:
    return {"folder": state_of((images.folder / name for name in images.names), images.folder)}


def _class_names(path: Path) -> dict[str, str]:
    pairs = [line.replace("\t", " ").split(" ", 1) for line in read_text(path).splitlines() if line.strip()]
    for number, pair in enumerate(pairs, 1):
        if len(pair) != 2 or not pair[1].strip():
            raise CompanionError(
                f"{path.name}, line {number}: not a class and its names; compare LOC_synset_mapping.txt"
            )
    kinds = [pair[0] for pair in pairs]
    if (twice := next((kind for place, kind in enumerate(kinds) if kind in kinds[:place]), None)) is not None:
        raise CompanionError(f"{path.name}: class {twice} has two lines; keep one")
    return {pair[0]: pair[1].split(",")[0].strip() for pair in pairs}
