"""Webdataset shards: tar files in which members of one stem are one sample.

Two kinds are read: CC3M and its kin (`KEY.jpg`, `KEY.txt`), and the zero-shot sets of CLIP_benchmark (`KEY.webp` or
`.jpg`, `KEY.cls`, with the classes and the prompts in text files beside the shards). Pictures are read in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from lib.data.archive import tar_index
from lib.data.errors import CompanionError
from lib.data.files import digest
from lib.data.folders import kind_facts
from lib.data.images import SUFFIXES, LazyImages, open_image
from lib.data.pairs import Pairs
from lib.data.text_files import read_text


class ShardImages(LazyImages):
    """Pictures in several tar files; a name is the shard's file name, a slash and the member's."""

    def __init__(self, folder: Path, places: dict[str, tuple[int, int]]) -> None:
        super().__init__(places)
        self.folder, self._places = folder, places

    def read(self, name: str) -> Image.Image:
        return open_image(BytesIO(_bytes(self.folder, name, self._places[name])), name)


@dataclass(frozen=True)
class ZeroShotSet:
    """A classification set of CLIP_benchmark: pairs, the names of the classes, the prompts with {c} for a name."""

    pairs: Pairs
    labels: np.ndarray
    classes: tuple[str, ...]
    templates: tuple[str, ...]


def caption_shards(folder: Path) -> Pairs:
    """Every picture of the `.tar` files of a folder with its caption; ids are the samples' keys."""
    samples = _samples(folder, ".txt")
    captions = [_text(folder, text).strip() for _, text in samples.values()]
    if empty := [key for key, caption in zip(samples, captions, strict=True) if not caption]:
        raise CompanionError(f"{folder.name}: sample {empty[0]} has an empty caption; drop it from the shard")
    return Pairs(
        np.array(list(samples)), _images(folder, samples), tuple((one,) for one in captions), _identity(folder)
    )


def zero_shot_shards(folder: Path, split: str = "test") -> ZeroShotSet:
    """A set in CLIP_benchmark's layout: `SPLIT/*.tar`, `classnames.txt`, `zeroshot_classification_templates.txt`."""
    if not (folder / split).is_dir():
        known = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        raise CompanionError(f"{folder}: no split {split!r}; known: {', '.join(known) or 'none'}")
    classes = tuple(filter(None, read_text(folder / "classnames.txt").split("\n")))
    templates = tuple(filter(None, read_text(folder / "zeroshot_classification_templates.txt").split("\n")))
    if not templates or any("{c}" not in one for one in templates):
        raise CompanionError(f"{folder.name}: its templates hold no {{c}} for the class's name; get the file again")
    samples = _samples(folder / split, ".cls")
    labels = [_label(key, _text(folder / split, text), len(classes)) for key, (_, text) in samples.items()]
    captions = tuple((templates[0].replace("{c}", classes[label]),) for label in labels)
    facts = kind_facts([classes[label] for label in labels])
    images = _images(folder / split, samples)
    pairs = Pairs(np.array(list(samples)), images, captions, _identity(folder / split), facts)
    return ZeroShotSet(pairs, np.array(labels), classes, templates)


Place = tuple[str, tuple[int, int]]
"""A member, as "shard/member", and its offset and bytes."""


def _samples(folder: Path, beside: str) -> dict[str, tuple[Place, Place]]:
    """Key to the picture and the text file of each sample, in the order of the shards."""
    samples: dict[str, tuple[Place, Place]] = {}
    for shard in _shards(folder):
        parts: dict[str, dict[str, Place]] = {}
        for member, place in tar_index(shard).items():
            name = member.rsplit("/", 1)[-1]
            stem, suffix = name.partition(".")[::2]
            kind = "picture" if f".{suffix.lower()}" in SUFFIXES else f".{suffix.lower()}"
            key = member[: len(member) - len(name)] + stem
            if kind in parts.setdefault(key, {}):
                raise CompanionError(f"{shard.name}: sample {key} has two files of one kind; get the shard again")
            parts[key][kind] = (f"{shard.name}/{member}", place)
        for key, found in parts.items():
            if not {"picture", beside} & set(found):
                continue  # a sample that failed to download leaves its .json only
            if absent := {"picture", beside} - set(found):
                raise CompanionError(
                    f"{shard.name}: sample {key} has no {absent.pop().lstrip('.')}; get the shard again"
                )
            if key in samples:
                raise CompanionError(f"{shard.name}: sample {key} is in another shard, too; keep one")
            samples[key] = (found["picture"], found[beside])
    if not samples:
        raise CompanionError(f"{folder.name}: no samples of a picture and a {beside} file in its shards")
    return samples


def _shards(folder: Path) -> list[Path]:
    shards = sorted(folder.glob("*.tar"))
    if not shards:
        raise CompanionError(f"{folder}: no .tar files in it; give the folder of the shards")
    return shards


def _images(folder: Path, samples: dict[str, tuple[Place, Place]]) -> ShardImages:
    return ShardImages(folder, dict(picture for picture, _ in samples.values()))


def _bytes(folder: Path, name: str, place: tuple[int, int]) -> bytes:
    with open(folder / name.split("/", 1)[0], "rb") as stream:
        stream.seek(place[0])
        return stream.read(place[1])


def _text(folder: Path, place: Place) -> str:
    try:
        return _bytes(folder, *place).decode()
    except UnicodeDecodeError:
        raise CompanionError(f"{place[0]}: not UTF-8 text; get the shard again") from None


def _label(key: str, text: str, classes: int) -> int:
    if not text.strip().isdecimal() or int(text) >= classes:
        raise CompanionError(f"sample {key} has the class {text.strip()!r}; classnames.txt has 0 to {classes - 1}")
    return int(text)


def _identity(folder: Path) -> dict[str, str]:
    states: Sequence[list] = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in _shards(folder)]
    return {"shards": digest(list(states))}
