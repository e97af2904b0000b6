"""Pictures: every mode becomes RGB as expected, every damage becomes one line with the name."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.base.errors import CompanionError
from lib.data.formats.images import ImageFolder, open_image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> io.BytesIO:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    stream.seek(0)
    return stream


def pixel(image: Image.Image) -> tuple[int, ...]:
    return tuple(np.asarray(image)[0, 0].tolist())


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("RGBA", (200, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (200, 0, 0, 255), (200, 0, 0)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("LA", (0, 0), (255, 255, 255)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 257 * 100, (100, 100, 100)),
    ],
)
def test_modes_become_rgb(mode: str, colour: object, expected: tuple[int, ...]) -> None:
    image = open_image(encoded(Image.new(mode, (4, 3), colour)), "x")  # type: ignore[arg-type]
    assert image.mode == "RGB" and image.size == (4, 3)
    assert pixel(image) == expected


def test_palette_and_its_transparent_colour() -> None:
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([9, 8, 7] + [0] * 765)
    assert pixel(open_image(encoded(palette), "x")) == (9, 8, 7)
    assert pixel(open_image(encoded(palette, transparency=0), "x")) == (255, 255, 255)


def test_transparent_colour_of_an_rgb_png() -> None:
    image = Image.new("RGB", (2, 2), (1, 2, 3))
    assert pixel(open_image(encoded(image, transparency=(1, 2, 3)), "x")) == (255, 255, 255)


def test_cmyk_jpeg() -> None:
    image = open_image(encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG"), "x")
    assert min(pixel(image)) >= 253


def test_exif_rotation_is_applied() -> None:
    picture = Image.new("RGB", (16, 8), "black")
    picture.paste((255, 0, 0), (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned right
    image = open_image(encoded(picture, "JPEG", exif=exif, quality=95), "x")
    assert image.size == (8, 16)
    assert np.asarray(image)[2, 4, 0] > 200 > 50 > np.asarray(image)[13, 4, 0]


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 4), c) for c in ("red", "blue")]
    assert pixel(open_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "x")) == (255, 0, 0)


def test_wide_pixels_are_refused() -> None:
    with pytest.raises(CompanionError, match="x: floating-point pixels; convert it"):
        open_image(encoded(Image.new("F", (2, 2), 0.5), "TIFF"), "x")
    with pytest.raises(CompanionError, match="x: 32-bit pixels; convert it"):
        open_image(encoded(Image.new("I", (2, 2), 70000), "TIFF"), "x")
    assert pixel(open_image(encoded(Image.new("I", (2, 2), 65535), "TIFF"), "x")) == (255, 255, 255)


def noise(size: int = 64) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_truncated(kind: str) -> None:
    data = encoded(noise(), kind).getvalue()
    open_image(io.BytesIO(data), "whole")
    with pytest.raises(CompanionError, match=r"half\.x: (damaged|empty)"):
        open_image(io.BytesIO(data[: len(data) // 2]), "half.x")


@pytest.mark.parametrize("content", [b"", b"not an image at all", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_no_image(content: bytes) -> None:
    with pytest.raises(CompanionError, match=r"x\.jpg: empty, or not an image of a known format; replace or remove it"):
        open_image(io.BytesIO(content), "x.jpg")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("limit", [1000, 3000])
def test_bomb(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    data = encoded(noise())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(CompanionError, match=r"bomb\.png: .*pixels.*shrink it"):
        open_image(data, "bomb.png")


def test_missing_path_and_folder(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"a\.png: no such image; check the name"):
        open_image(tmp_path / "a.png", "a.png")
    with pytest.raises(CompanionError, match="a: damaged image"):
        open_image(tmp_path, "a")


WHOLE = {kind: encoded(noise(24), kind).getvalue() for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF")}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 10**6), st.binary(min_size=1, max_size=6))
def test_damage_gives_an_image_or_one_line(kind: str, at: int, junk: bytes) -> None:
    data = bytearray(WHOLE[kind])
    at %= len(data)
    data[at : at + len(junk)] = junk
    try:
        assert open_image(io.BytesIO(bytes(data)), "x.img").mode == "RGB"
    except CompanionError as error:
        assert str(error).startswith("x.img: ")


def test_folder_is_sorted_and_skips_what_is_hidden_or_no_image(tmp_path: Path) -> None:
    for name in ("b.png", "sub/a.JPG", "a.png", ".hidden.png", ".git/c.png", "sub/.DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (3, 3), "red").save(tmp_path / name, "PNG")
    (tmp_path / "notes.txt").write_text("no")
    images = ImageFolder(tmp_path)
    assert images.names == ("a.png", "b.png", "sub/a.JPG")
    assert len(images) == 3 and images[-1].size == (3, 3) and pixel(images[np.int64(0)]) == (255, 0, 0)
    assert images[1:].names == ("b.png", "sub/a.JPG") and len(list(images[:2])) == 2
    assert images.chosen([2, 0]).names == ("sub/a.JPG", "a.png") and len(images) == 3
    assert pickle.loads(pickle.dumps(images[1:]))[0].mode == "RGB"
    with pytest.raises(IndexError):
        images[3]


def test_folder_errors(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match="nowhere: no such folder; give a folder of images"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(CompanionError, match=r"no images in it; known endings: \.apng"):
        ImageFolder(tmp_path)
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(CompanionError, match=r"^bad\.png: empty"):
        ImageFolder(tmp_path)[0]
