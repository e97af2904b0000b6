"""Pictures in a user's folder: all of them as pairs without captions, or those that a benchmark names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lib.data.archive import is_safe_path
from lib.data.errors import CompanionError
from lib.data.files import digest
from lib.data.images import ImageFolder, LazyImages, open_image
from lib.data.pairs import Pairs


def folder_pairs(folder: Path) -> Pairs:
    """All pictures of a folder and its subfolders; ids are their paths in it.

    The identity holds name, size and time of change of every file, not its hash: a folder may be large. A picture that
    is changed in place, size and time kept, would be taken for the old one.
    """
    images = ImageFolder(folder.expanduser())
    return Pairs(np.array(images.names), images, None, _state(images.folder, images.names))


def check_names(names: Iterable[str], folder: Path) -> None:
    """Refuse a name in a foreign list that would lead out of the folder of pictures."""
    outside = next((name for name in names if not is_safe_path(name)), None)
    if outside is not None:
        raise CompanionError(f"{outside!r} is no path of a picture in {folder}; get the list of pictures again")


class NamedImages(LazyImages):
    """Pictures of a folder by their names, in that order; an error counts those that are not there."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        if not folder.is_dir():
            raise CompanionError(f"{folder}: no such folder; give the folder that holds the pictures")
        check_names(names, folder)
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise CompanionError(f"{folder}: {len(missing)} of {len(names)} pictures missing, first {missing[0]}")
        super().__init__(names)
        self.folder = folder

    def read(self, name: str) -> Image.Image:
        return open_image(self.folder / name, name)


def with_pictures(pairs: Pairs, folder: Path) -> Pairs:
    """Pairs that know their pictures by id only, with those of a folder in which the ids are paths."""
    images = NamedImages(folder.expanduser(), pairs.ids.tolist())
    return replace(pairs, images=images, identity={**pairs.identity, **_state(images.folder, images.names)})


def _state(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """What `folder_pairs` takes for the content of files."""
    states = [(folder / name).stat() for name in names]
    seen = [[name, state.st_size, state.st_mtime_ns] for name, state in zip(names, states, strict=True)]
    return {"pictures": digest(seen), "n": len(seen)}
