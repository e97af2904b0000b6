"""A user's folder as pairs: what is in it, and an identity that follows its files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from lib.data.errors import CompanionError
from lib.data.folder import folder_pairs


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


def test_no_folder_and_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match="no images in it"):
        folder_pairs(tmp_path)
    with pytest.raises(CompanionError, match="no such folder"):
        folder_pairs(tmp_path / "none")
