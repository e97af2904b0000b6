"""A user's folder as pairs: what is in it, and an identity that follows its files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.data.errors import CompanionError
from lib.data.folder import NamedImages, folder_pairs, with_pictures
from lib.data.pairs import Pairs


def test_a_folder_and_its_changes(tmp_path: Path) -> None:
    for name in ("b.png", "sub/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    pairs = folder_pairs(tmp_path)
    assert pairs.ids.tolist() == ["b.png", "sub/a.jpg"] and pairs.captions is None
    assert folder_pairs(tmp_path).identity == pairs.identity
    os.utime(tmp_path / "b.png", ns=(1, 1))
    assert folder_pairs(tmp_path).identity != pairs.identity


def test_pictures_by_name(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.png")
    pairs = with_pictures(Pairs(np.array(["a.png"]), None, (("red",),), {"x": 1}), tmp_path)
    assert pairs.images is not None and pairs.images[0].getpixel((0, 0)) == (255, 0, 0)
    assert pairs.identity["x"] == 1 and "pictures" in pairs.identity
    with pytest.raises(CompanionError, match=r"1 of 2 pictures missing, first b\.png"):
        NamedImages(tmp_path, ["a.png", "b.png"])
    with pytest.raises(CompanionError, match="no such folder"):
        NamedImages(tmp_path / "none", ["a.png"])


def test_no_folder_and_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match="no images in it"):
        folder_pairs(tmp_path)
    with pytest.raises(CompanionError, match="no such folder"):
        folder_pairs(tmp_path / "none")
