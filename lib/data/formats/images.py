"""Pictures from files: every readable image becomes RGB, and every other file an error of one line that names it."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Self, overload

import numpy as np
from PIL import Image, ImageOps

from lib.base.errors import CompanionError
from lib.base.files import is_safe_path
from lib.data.formats.picture_files import find_pictures
from lib.data.tally import Tally

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""The formats that are decoded. Pillow knows others, but passes EPS, for one, to an external interpreter."""

_THINNEST = 300
"""The largest ratio of a picture's sides.

Encoders scale the short side to hundreds of pixels, and memory would not hold a side that is much longer.
"""


def open_image(source: BinaryIO | Path, name: str) -> Image.Image:
    """Decode a picture to RGB.

    name: the name of the picture in errors. The EXIF rotation is applied, transparent parts become white, 16-bit grey
    is scaled to 8 bits, and of an animation the first frame is taken. Anything that cannot be decoded to its end is a
    CompanionError.
    """
    try:
        with Image.open(source, formats=_FORMATS) as image:
            width, height = image.size
            if max(width, height) > _THINNEST * min(width, height):
                raise CompanionError(f"{name}: {width} x {height} pixels, too long and thin; crop it")
            limit = Image.MAX_IMAGE_PIXELS
            if limit is not None and width * height > limit:
                raise CompanionError(f"{name}: {width} x {height} pixels are over the limit of {limit}; shrink it")
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image), name)
    except CompanionError:
        raise
    except FileNotFoundError:
        raise CompanionError(f"{name}: no such image; check the name") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise CompanionError(f"{name}: too many pixels ({error}); shrink it") from None
    except Image.UnidentifiedImageError:
        raise CompanionError(f"{name}: empty, or not an image of a known format; replace or remove it") from None
    except Exception as error:  # Decoders meet foreign bytes and raise nearly anything: struct, zlib, Syntax, Index...
        raise CompanionError(f"{name}: damaged image ({error or type(error).__name__}); replace or remove it") from None


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise CompanionError(f"{name}: 32-bit pixels; convert it to 8 or 16 bits")
        return Image.fromarray(np.rint(values / 257).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise CompanionError(f"{name}: floating-point pixels; convert it to 8 or 16 bits")
    return image.convert("RGB")


class LazyImages(Sequence[Image.Image]):
    """Named pictures, each decoded when it is used; a slice is a view.

    It keeps no file open, so it may be pickled and shared by threads and processes.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)

    @abstractmethod
    def read(self, name: str) -> Image.Image:
        """Decode the picture with this name to RGB."""

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Image.Image: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Image.Image | Self:
        if isinstance(index, slice):
            return self.chosen(range(len(self))[index])
        return self.read(self.names[index])

    def chosen(self, rows: Iterable[int]) -> Self:
        """The pictures with these numbers, in their order, as a view."""
        part = copy.copy(self)
        part.names = tuple(self.names[row] for row in rows)
        return part


class ImageFolder(LazyImages):
    """Pictures in a folder and its subfolders; their names are paths in the folder, with `/` on every system.

    names: the pictures to take, in this order; a name that would lead out of the folder is an error. None takes all
    pictures, sorted by name, and `tally` accounts for the rest of the folder.
    """

    def __init__(self, folder: Path, names: Sequence[str] | None = None) -> None:
        self.folder, self.tally = folder, Tally(folder.name)
        if names is None:
            names, self.tally = find_pictures(folder)
        else:
            self._check(names)
        super().__init__(names)

    def read(self, name: str) -> Image.Image:
        return open_image(self.folder / name, name)

    def _check(self, names: Sequence[str]) -> None:
        if not self.folder.is_dir():
            raise CompanionError(f"{self.folder}: no such folder; give a folder of images")
        if (outside := next((name for name in names if not is_safe_path(name)), None)) is not None:
            raise CompanionError(
                f"{outside!r} is not the path of a picture in {self.folder}; get the list of pictures again"
            )
