"""Folders of pictures: a plain one with or without captions, and one with a subfolder for each class (ImageNet)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lib.data.errors import CompanionError
from lib.data.files import digest, sha256_file
from lib.data.images import ImageFolder
from lib.data.pairs import Facts, Pairs
from lib.data.text_files import read_json_lines, read_text, sentence


def picture_folder(folder: Path, captions: Path | None = None) -> Pairs:
    """All pictures under a folder; ids are their paths in it.

    captions: a file `.csv` (a header with the columns image and caption) or `.jsonl` (objects with image and caption);
    a picture may have several lines, and every picture needs one. Lines about other pictures are an error, too.
    """
    images = ImageFolder(folder)
    identity = folder_identity(images)
    if captions is None:
        return Pairs(np.array(images.names), images, None, identity)
    texts = read_captions(captions)
    _same(texts, images.names, captions.name)
    identity["captions"] = sha256_file(captions)
    return Pairs(np.array(images.names), images, tuple(tuple(texts[name]) for name in images.names), identity)


def class_folders(folder: Path, names: Path | None = None) -> Pairs:
    """Pictures in one subfolder a class, as ImageNet's train folder is; the caption is "a photo of a CLASS".

    names: a file of lines of a folder's name, a blank or tab, and the class's names with commas (ImageNet's
    LOC_synset_mapping.txt); without it a class is called as its folder. facts: `kind:FOLDER`.
    """
    images = ImageFolder(folder)
    loose = [name for name in images.names if "/" not in name]
    if loose:
        raise CompanionError(f"{folder}: {loose[0]} lies in no class's folder; give the folder above them")
    kinds = [name.split("/")[0] for name in images.names]
    called = _class_names(names) if names else {kind: kind for kind in kinds}
    if unnamed := sorted(set(kinds) - set(called)):
        raise CompanionError(f"{names.name if names else folder}: no name for class {unnamed[0]}; add a line for it")
    captions = tuple((f"a photo of a {called[kind]}",) for kind in kinds)
    return Pairs(np.array(images.names), images, captions, folder_identity(images), kind_facts(kinds))


def kind_facts(kinds: Sequence[str]) -> Facts:
    """Facts of pictures that have one class each; the caption tells it."""
    classes, number = np.unique(np.array(kinds), return_inverse=True)
    truth = number[:, None] == np.arange(len(classes))
    return Facts(tuple(f"kind:{one}" for one in classes), truth, truth[:, None])


def folder_identity(images: ImageFolder) -> dict[str, Any]:
    """What tells this folder from another: names, sizes and times of change of its pictures, not their bytes."""
    states = [(name, (images.folder / name).stat()) for name in images.names]
    return {"folder": digest([[name, state.st_size, state.st_mtime_ns] for name, state in states])}


def read_captions(path: Path) -> dict[str, list[str]]:
    """Picture to its captions, from a `.csv` or `.jsonl` file."""
    if path.suffix == ".jsonl":
        lines = enumerate(read_json_lines(path), 1)
        rows = [tuple(sentence(one, key, f"{path.name}, line {i}") for key in ("image", "caption")) for i, one in lines]
    elif path.suffix == ".csv":
        rows = _csv_rows(path)
    else:
        raise CompanionError(f"{path.name}: captions come as .csv or .jsonl; rename or convert it")
    texts: dict[str, list[str]] = {}
    for name, caption in rows:
        texts.setdefault(name, []).append(caption)
    return texts


def _csv_rows(path: Path) -> list[tuple[str, ...]]:
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    rows: list[tuple[str, ...]] = []
    try:
        if not {"image", "caption"} <= set(reader.fieldnames or ()):
            raise CompanionError(f"{path.name}: the first line names no columns image and caption; add it")
        for row in reader:
            if not row["image"] or not (row["caption"] or "").strip():
                raise CompanionError(f"{path.name}, line {reader.line_num}: no image or no caption; fill it in")
            rows.append((row["image"], row["caption"].strip()))
    except csv.Error as error:
        raise CompanionError(f"{path.name}, line {reader.line_num}: cut off ({error}); get the file again") from None
    return rows


def _same(texts: dict[str, list[str]], names: Sequence[str], file: str) -> None:
    missing, extra = [name for name in names if name not in texts], sorted(set(texts) - set(names))
    if missing:
        raise CompanionError(
            f"{file}: {len(missing)} pictures have no caption, first {missing[0]}; add a line for each"
        )
    if extra:
        raise CompanionError(f"{file}: {len(extra)} captions are of pictures that are not there, first {extra[0]}")


def _class_names(path: Path) -> dict[str, str]:
    pairs = [line.replace("\t", " ").split(" ", 1) for line in read_text(path).splitlines() if line.strip()]
    for number, pair in enumerate(pairs, 1):
        if len(pair) != 2 or not pair[1].strip():
            raise CompanionError(
                f"{path.name}, line {number}: not a class and its names; compare LOC_synset_mapping.txt"
            )
    return {pair[0]: pair[1].split(",")[0].strip() for pair in pairs}
