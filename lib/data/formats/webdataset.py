"""Webdataset shards: tar files in which the members of one stem are one sample.

Two kinds are read: sets such as CC3M (`KEY.jpg`, `KEY.txt`), and the zero-shot sets of CLIP_benchmark (`KEY.webp` or
`.jpg`, `KEY.cls`, with the classes and the prompts in text files next to the shards). Pictures are read in place.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from lib.base.errors import CompanionError
from lib.base.files import state_of
from lib.base.names import count
from lib.data.formats.archive import tar_index, tar_links
from lib.data.formats.caption_files import find_captions
from lib.data.formats.images import LazyImages, open_image
from lib.data.formats.picture_files import SUFFIXES, shard_files, survey
from lib.data.formats.text_files import decode_text, read_lines
from lib.data.labelled import LabelledPairs
from lib.data.pairs import Pairs
from lib.data.tally import OnBad

TEMPLATES = "zeroshot_classification_templates.txt"


class ShardImages(LazyImages):
    """Pictures in several tar files of a folder; their names are `SHARD/MEMBER`.

    places: the offset and bytes of each picture in its shard.
    """

    def __init__(self, folder: Path, places: dict[str, tuple[int, int]]) -> None:
        super().__init__(places)
        self.folder, self._places = folder, places

    def read(self, name: str) -> Image.Image:
        return open_image(BytesIO(_bytes(self.folder, name, self._places[name])), name)


def caption_shards(folder: Path, on_bad: OnBad = "refuse") -> Pairs:
    """Read every picture of the `.tar` files of a folder with its caption; the ids are the keys of the samples.

    Pictures or a file of captions next to the shards are an error. on_bad: what to do about samples that lack a picture
    or a caption: refuse, or skip them and say so in the tally.
    """
    pictures, tally = survey(folder)
    beside = next(iter(pictures), None) or getattr(find_captions(folder), "name", None)
    if beside is not None:
        raise CompanionError(
            f"{folder}: {_shards(folder)[0].name} and {beside} are two kinds of data in one folder; move one elsewhere"
        )
    samples, account = _samples(folder, ".txt", on_bad)
    texts = {key: _text(folder, text).strip() for key, (_, text) in samples.items()}
    empty = [key for key, caption in texts.items() if not caption]
    if empty and on_bad == "refuse":
        raise CompanionError(f"{folder.name}: sample {empty[0]} has an empty caption; drop it, or set on_bad=skip")
    kept = {key: parts for key, parts in samples.items() if texts[key]}
    shards = [shard.name for shard in _shards(folder)]
    tally = tally.reading(f"{count(len(kept), 'sample')} in {count(len(shards), 'shard')}", *shards)
    for kind, names in {**account, "captionless sample": empty}.items():
        tally = tally.leaving(kind, names)
    identity = {**_identity(folder), **({"left_out": "incomplete"} if len(kept) < len(samples) else {})}
    captions = tuple((texts[key],) for key in kept)
    return Pairs(np.array(list(kept)), _images(folder, kept), captions, identity, tally=tally)


def zero_shot_shards(folder: Path, split: str = "test") -> LabelledPairs:
    """Read a set of CLIP_benchmark: `SPLIT/*.tar`, `classnames.txt`, `zeroshot_classification_templates.txt`.

    The templates in the file have {c} in the place of the name of a class.
    """
    if not (folder / split).is_dir():
        known = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        raise CompanionError(f"{folder}: no split {split!r}; known: {', '.join(known) or 'none'}")
    classes, templates = (read_lines(folder / name) for name in ("classnames.txt", TEMPLATES))
    if not templates or any(one.count("{c}") != 1 for one in templates):
        raise CompanionError(f"{folder.name}: its templates have no {{c}} for the name of a class; get the file again")
    samples, _ = _samples(folder / split, ".cls")
    labels = [_label(key, _text(folder / split, text), len(classes)) for key, (_, text) in samples.items()]
    pairs = Pairs(np.array(list(samples)), _images(folder / split, samples), None, _identity(folder / split))
    return LabelledPairs(pairs, np.array(labels), classes, tuple(one.replace("{c}", "{}") for one in templates))


_Place = tuple[str, tuple[int, int]]
"""The name of a member, "SHARD/MEMBER", and its offset and bytes."""


def _samples(
    folder: Path, text: str, on_bad: OnBad = "refuse"
) -> tuple[dict[str, tuple[_Place, _Place]], dict[str, list[str]]]:
    """Find the picture and the text file of each sample by its key, in the order of the shards, and account for the
    rest of the members, by kind.

    text: the ending of the text files.
    """
    samples: dict[str, tuple[_Place, _Place]] = {}
    left: dict[str, list[str]] = {"incomplete sample": [], "unread member": [], "linked member": []}
    for shard in _shards(folder):
        left["linked member"] += [f"{shard.name}/{name}" for name in tar_links(shard)]
        for key, found in _members(shard).items():
            if key in samples:
                raise CompanionError(f"{shard.name}: sample {key} is in another shard, too; keep one")
            absent = {"picture", text} - set(found)
            if len(absent) == 1 and on_bad == "refuse":
                raise CompanionError(
                    f"{shard.name}: sample {key} has no {absent.pop().lstrip('.')}, only {', '.join(sorted(found))}; "
                    "complete it or drop it"
                )
            if absent:  # a sample that failed to download leaves its .json only
                left["incomplete sample"].append(key)
            else:
                samples[key] = (found["picture"], found[text])
                left["unread member"] += [name for kind, (name, _) in found.items() if kind not in ("picture", text)]
    if not samples:
        raise CompanionError(f"{folder.name}: no samples of a picture and a {text} file in its shards")
    return samples, left


def _members(shard: Path) -> dict[str, dict[str, _Place]]:
    """The files of each sample of a shard by its key, and in it by their kinds: "picture", or the ending."""
    parts: dict[str, dict[str, _Place]] = {}
    for member, place in tar_index(shard).items():
        name = member.rsplit("/", 1)[-1]
        stem, suffix = name.partition(".")[::2]
        kind = "picture" if f".{suffix.lower()}" in SUFFIXES else f".{suffix.lower()}"
        key = member[: len(member) - len(name)] + stem
        if kind in parts.setdefault(key, {}):
            raise CompanionError(f"{shard.name}: sample {key} has two files of one kind; get the shard again")
        parts[key][kind] = (f"{shard.name}/{member}", place)
    return parts


def _shards(folder: Path) -> list[Path]:
    shards = shard_files(folder)
    if not shards:
        raise CompanionError(f"{folder}: no .tar files in it; give the folder of the shards")
    return shards


def _images(folder: Path, samples: dict[str, tuple[_Place, _Place]]) -> ShardImages:
    return ShardImages(folder, dict(picture for picture, _ in samples.values()))


def _bytes(folder: Path, name: str, place: tuple[int, int]) -> bytes:
    with open(folder / name.split("/", 1)[0], "rb") as stream:
        stream.seek(place[0])
        return stream.read(place[1])


def _text(folder: Path, place: _Place) -> str:
    return decode_text(_bytes(folder, *place), place[0])


def _label(key: str, text: str, classes: int) -> int:
    if not text.strip().isdecimal() or int(text) >= classes:
        raise CompanionError(f"sample {key} has the class {text.strip()!r}; classnames.txt has 0 to {classes - 1}")
    return int(text)


def _identity(folder: Path) -> dict[str, str]:
    return {"shards": state_of(_shards(folder), folder)}
