"""A folder of a user's own pictures as pairs without captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.data.files import digest
from lib.data.images import ImageFolder
from lib.data.pairs import Pairs


def folder_pairs(folder: Path) -> Pairs:
    """All pictures of a folder and its subfolders; ids are their paths in it.

    The identity holds name, size and time of change of every file, not its hash: a folder may be large. A picture that
    is changed in place, size and time kept, would be taken for the old one.
    """
    images = ImageFolder(folder.expanduser())
    states = [(images.folder / name).stat() for name in images.names]
    seen = [[name, state.st_size, state.st_mtime_ns] for name, state in zip(images.names, states, strict=True)]
    return Pairs(np.array(images.names), images, None, {"pictures": digest(seen), "n": len(images)})
