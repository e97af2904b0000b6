"""Pictures of every kind that a folder may hold: the readable ones come out, each other one is a line that names it."""

from __future__ import annotations

import io
import logging
import os
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from lib.base.errors import CompanionError
from lib.base.files import DONE
from lib.data.formats.archive import TarImages
from lib.data.formats.folders import picture_folder
from lib.data.formats.images import ImageFolder, open_image
from lib.encoders.clip import load_clip
from lib.encoders.store import embed
from tests.encoders.examples import Toy
from tests.trust.common import Tried, listing, one_line

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 40, 3), dtype=np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(NOISE, "JPEG", exif=exif)


def png_of_size(width: int, height: int) -> bytes:
    """A few bytes that promise any number of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """A PNG whose comment unpacks to 20 MB."""
    info = PngImagePlugin.PngInfo()
    info.add(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000), 9))
    return encoded(NOISE, "PNG", pnginfo=info)


FRAMES = [Image.new("RGB", (40, 48), colour) for colour in ("red", "blue")]
PNG, JPEG = encoded(NOISE, "PNG"), encoded(NOISE, "JPEG")

READABLE = {
    "alpha.png": encoded(NOISE.convert("RGBA"), "PNG"),
    "bilevel.tif": encoded(NOISE.convert("1"), "TIFF"),
    "cmyk.jpg": encoded(NOISE.convert("CMYK"), "JPEG"),
    "cmyk.tif": encoded(NOISE.convert("CMYK"), "TIFF"),
    "grey.jpg": encoded(NOISE.convert("L"), "JPEG"),
    "grey-alpha.png": encoded(NOISE.convert("LA"), "PNG"),
    "moving.gif": encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]),
    "moving.webp": encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]),
    "one-pixel.png": encoded(Image.new("RGB", (1, 1)), "PNG"),
    "pages.tif": encoded(FRAMES[0], "TIFF", save_all=True, append_images=FRAMES[1:]),
    "palette.png": encoded(NOISE.convert("P"), "PNG"),
    "plain.png": PNG,
    "progressive.jpg": encoded(NOISE, "JPEG", progressive=True),
    "really-a-jpeg.png": JPEG,
    "really-a-png.jpg": PNG,
    "sixteen-bits.png": encoded(Image.new("I;16", (40, 48), 30000), "PNG"),
    "strip.png": encoded(Image.new("RGB", (300, 1)), "PNG"),
    "turned.jpg": turned(),
}

UNREADABLE = {
    "bomb.png": (png_of_size(40000, 40000), "shrink it"),
    "bomb-of-text.png": (text_bomb(), "damaged image"),
    "cut.gif": (READABLE["moving.gif"][:60], "damaged image"),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "damaged image"),
    "cut.png": (PNG[: len(PNG) // 2], "damaged image"),
    "cut-in-its-header.png": (PNG[:20], "damaged image"),
    "empty.png": (b"", "empty, or not an image"),
    "floating.tif": (encoded(Image.new("F", (8, 8), 0.5), "TIFF"), "floating-point pixels"),
    "largest.png": (png_of_size(2**31 - 1, 2**31 - 1), "shrink it"),
    "page.jpg": (b"<html><body>404</body></html>", "empty, or not an image"),
    "program.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "empty, or not an image"),
    "ribbon.png": (encoded(Image.new("L", (1, 20000)), "PNG"), "too long and thin"),
    "script.gif": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "empty, or not an image"),
    "renamed-part.png": (PNG.replace(b"IDAT", b"IDAU", 1), "replace or remove it"),
    "zeros.jpg": (bytes(5000), "empty, or not an image"),
}

MUTANTS = 200

TRIED = [
    Tried(
        "readable pictures of every kind", len(READABLE), "RGB of the right size; embedded next to the unreadable ones"
    ),
    Tried("unreadable pictures", len(UNREADABLE), "one line with name and remedy; skipped, or nothing is stored"),
    Tried("pictures cut, spliced and overwritten at random", MUTANTS, "RGB, or one line with the name"),
]


class Resizing(Toy):
    """Pictures of any size."""

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return super().preprocess(image.resize((8, 8)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All of them in one folder."""
    (tmp_path / "pictures").mkdir()
    for name, content in READABLE.items():
        (tmp_path / "pictures" / name).write_bytes(content)
    for name, (content, _) in UNREADABLE.items():
        (tmp_path / "pictures" / name).write_bytes(content)
    return tmp_path / "pictures"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", READABLE)
def test_readable_pictures_become_rgb(name: str) -> None:
    picture = open_image(io.BytesIO(READABLE[name]), name)
    sizes = {"one-pixel.png": (1, 1), "strip.png": (300, 1), "turned.jpg": (48, 40)}
    assert picture.mode == "RGB" and picture.size == sizes.get(name, (40, 48))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_pictures_are_told(name: str) -> None:
    content, word = UNREADABLE[name]
    with one_line(f"{name}: ", word):
        open_image(io.BytesIO(content), name)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_unreadable_cost_nobody_else(folder: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    pairs, first = picture_folder(folder), sorted(UNREADABLE)[0]
    with one_line(f"{len(UNREADABLE)} of {len(pairs)} images cannot be read, first {first!r}", "set on_bad=skip"):
        embed(pairs, Resizing(), towers=("image",))
    assert not list((cache / "embeddings").glob(f"*/{DONE}")) and not list((cache / "embeddings").glob("*/image.npy"))
    with caplog.at_level(logging.WARNING):
        stored = embed(pairs, Resizing(), towers=("image",), on_bad="skip")
    assert stored.ids.tolist() == sorted(READABLE) and np.isfinite(stored.tower("image")).all()
    (told,) = [record.getMessage() for record in caplog.records if record.name.startswith("lib")]
    assert told.startswith(f"{len(UNREADABLE)} of {len(pairs)} images cannot be read, first {first!r} (")
    assert UNREADABLE[first][1] in told and told.count(first) == 1 and told.endswith("); they are left out")
    alone = Resizing().encode_images([open_image(folder / name, name) for name in sorted(READABLE)])
    np.testing.assert_array_equal(stored.tower("image"), alone)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_in_a_tar_they_are_told_by_archive_and_member(folder: Path, tmp_path: Path, cache: Path) -> None:
    with tarfile.open(tmp_path / "p.tar", "w") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    images = TarImages(tmp_path / "p.tar")
    for name in READABLE:
        assert images.read(name).mode == "RGB"
    for name, (_, word) in UNREADABLE.items():
        with one_line(f"p.tar/{name}: ", word):
            images.read(name)


def test_a_real_encoder_takes_every_readable_one() -> None:
    encoder = load_clip("scenes-clip")
    pictures = [open_image(io.BytesIO(content), name) for name, content in READABLE.items()]
    vectors = encoder.encode_images(pictures)
    assert vectors.shape == (len(pictures), encoder.dim) and np.isfinite(vectors).all()


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "a/../../secret.png", "a\\b.png", ""])
def test_a_list_of_names_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(PNG)
    (tmp_path / "in" / "good.png").write_bytes(PNG)
    before = listing(tmp_path)
    with one_line("is not the path of a picture in"):
        ImageFolder(tmp_path / "in", ["good.png", name])
    assert len(ImageFolder(tmp_path / "in", ["good.png"])) == 1 and listing(tmp_path) == before


def test_a_file_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(PNG)
    odd = tmp_path / os.fsdecode(b"\xff.png")
    odd.write_bytes(PNG)
    with one_line("the file name", "is not in UTF-8; rename the file"):
        picture_folder(tmp_path)
    odd.rename(tmp_path / "ÿ.png")
    assert picture_folder(tmp_path).ids.tolist() == ["good.png", "ÿ.png"]


ALL = [*READABLE.values(), *(content for name, (content, _) in UNREADABLE.items() if name != "bomb-of-text.png")]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """The beginning of one picture and the end of another, with some bytes overwritten."""
    first, second = draw(st.sampled_from(ALL)), draw(st.sampled_from(ALL))
    data = bytearray(first[: draw(st.integers(0, len(first)))] + second[draw(st.integers(0, len(second))) :])
    for at, junk in draw(st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=6)), max_size=4)):
        data[at : at + len(junk)] = junk
    return bytes(data)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")
@settings(max_examples=MUTANTS)
@given(mutants())
def test_mutants_give_a_picture_or_one_line(content: bytes) -> None:
    try:
        assert open_image(io.BytesIO(content), "x.img").mode == "RGB"
    except CompanionError as error:
        assert str(error).startswith("x.img: ") and "\n" not in str(error)
