"""Karpathy's splits of COCO and Flickr30k, whose captions nearly all papers on retrieval score.

Source: Karpathy and Fei-Fei, arXiv 1412.2306. COCO's 5,000 test images come from val2014. COCO's own val2017 is another
set of 5,000 images (`lib.data.sets.coco_captions`). Some papers call that "COCO 5k", too, and their numbers are not
comparable.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lib.base.errors import CompanionError
from lib.data.formats.fetch import locate
from lib.data.formats.text_files import check_size, field, read_json, text_field, text_pairs
from lib.data.pairs import Pairs

_SIZES = {
    "coco": {"train": 82783, "restval": 30504, "val": 5000, "test": 5000},
    "flickr30k": {"train": 29000, "val": 1014, "test": 1000},
}
"""The number of images in each split."""

_COCO_PATHS = {split: f"text/rococo/coco_karpathy_{split}.json" for split in ("val", "test")}


def coco_karpathy(split: str) -> Pairs:
    """Read COCO's 5,000 images of `val` or `test` with 25,010 captions: five per image, and six for ten images."""
    if split not in _COCO_PATHS:
        raise CompanionError(f"no file of COCO's Karpathy split {split!r} is known; known: {', '.join(_COCO_PATHS)}")
    return read_karpathy(locate("coco-karpathy", _COCO_PATHS[split]), "coco", split)


def read_karpathy(path: Path, dataset: str, split: str, *, size: int | None = None) -> Pairs:
    """Read the captions of a split, without pictures; the ids are the paths of the images in the data set's folder.

    Two forms are in use. Karpathy's own `dataset_coco.json` or `dataset_flickr30k.json` has all splits, and each image
    names its own. BLIP's files are lists of {"image": path, "caption": [texts]} and have one split, which is known from
    the file name only. size: the number of images that there must be, by default that of the published split.
    """
    if split not in _SIZES.get(dataset, {}):
        known = "; ".join(f"{name}: {', '.join(splits)}" for name, splits in _SIZES.items())
        raise CompanionError(f"no Karpathy split {split!r} of {dataset!r}; known: {known}")
    value = read_json(path)
    if isinstance(value, dict) and "annotations" in value:
        raise CompanionError(
            f"{path.name}: COCO's own annotations, whose images are not those of Karpathy's {split} split; "
            "read them with lib.data.sets.coco_captions"
        )
    entries = list(_own_form(value, dataset, split, path.name) if isinstance(value, dict) else _list(value, path.name))
    for name, _ in entries:
        if dataset == "coco" and split in ("val", "test") and "val2014" not in name:
            raise CompanionError(
                f"{path.name}: image {name} is not from val2014, as all images of COCO's {split} split are"
            )
    pairs = text_pairs(f"{dataset}-karpathy", [path], entries, split=split)
    return check_size(pairs, _SIZES[dataset][split] if size is None else size, f"Karpathy's {split} split of {dataset}")


def _own_form(value: dict[str, Any], dataset: str, split: str, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    found = field(value, "dataset", str, name)
    if found != dataset:
        raise CompanionError(f"{name}: this is {found!r}, not {dataset!r}; give the file of {dataset}")
    images = field(value, "images", list, name)
    if not any(isinstance(image, dict) and image.get("split") == split for image in images):
        raise CompanionError(f"{name}: no image of split {split!r} in it; get the whole file")
    for number, image in enumerate(images):
        where = f"{name}, image {number}"
        if field(image, "split", str, where) != split:
            continue
        texts = tuple(text_field(one, "raw", where) for one in field(image, "sentences", list, where))
        folder = f"{image['filepath']}/" if image.get("filepath") else ""
        yield folder + text_field(image, "filename", where), texts


def _list(value: Any, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if not isinstance(value, list):
        raise CompanionError(f"{name}: neither a list of images nor Karpathy's own form; give one of these")
    for number, image in enumerate(value):
        where = f"{name}, image {number}"
        yield text_field(image, "image", where), tuple(field(image, "caption", list, where))
