"""Pictures from files: every readable image becomes RGB, every other one becomes one line that names it."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Self, overload

import numpy as np
from PIL import Image, ImageOps

from lib.data.errors import CompanionError
from lib.data.text_files import is_unicode

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""What is decoded. Others are refused by name: Pillow hands EPS, for one, to an external interpreter."""

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm"})


THINNEST = 300
"""More times as long as wide, a picture is refused: encoders scale its short side to hundreds of pixels, and memory
would not hold the long one."""


def open_image(source: BinaryIO | Path, name: str) -> Image.Image:
    """Decode one picture to RGB; `name` is what errors call it.

    The EXIF rotation is applied, transparency is laid over white, 16-bit grey is scaled to 8 bits, an animation
    gives its first frame. Anything that does not decode to the end is a CompanionError.
    """
    try:
        with Image.open(source, formats=FORMATS) as image:
            width, height = image.size
            if max(width, height) > THINNEST * min(width, height):
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
    """Named pictures that are decoded when asked for; a slice is a view. Holds no open file, so it may be pickled
    and shared by threads and processes."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)

    @abstractmethod
    def read(self, name: str) -> Image.Image:
        """Decode the picture called `name` to RGB."""

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Image.Image: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Image.Image | Self:
        if isinstance(index, slice):
            part = copy.copy(self)
            part.names = self.names[index]
            return part
        return self.read(self.names[index])


class ImageFolder(LazyImages):
    """All pictures in a user's folder and its subfolders, sorted by path; hidden files and other files are skipped.

    `names` are the paths relative to the folder, with `/` on every system.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise CompanionError(f"{folder}: no such folder; give a folder of images")
        paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        names = sorted(
            path.as_posix()
            for path in paths
            if path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.parts)
        )
        if not names:
            raise CompanionError(f"{folder}: no images in it; known endings: {', '.join(sorted(SUFFIXES))}")
        if unreadable := next((name for name in names if not is_unicode(name)), None):
            raise CompanionError(f"{folder}: the file name {unreadable!r} is not in UTF-8; rename the file")
        super().__init__(names)
        self.folder = folder

    def read(self, name: str) -> Image.Image:
        return open_image(self.folder / name, name)
