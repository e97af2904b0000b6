"""Flickr8k's captions and split files: what is read, every error line, and the real files' counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.data.sets.flickr8k import flickr8k, read_flickr8k
from tests.data.sets.published import put

CSV = 'image,caption\na.jpg,"A cat, black ."\na.jpg,A cat .\nb.jpg,A cow .\n'


def test_flickr8k_leaves_a_stray_name_out(tmp_path: Path) -> None:
    names = put(tmp_path, "n.txt", "stray.jpg\nb.jpg\na.jpg\n")
    pairs = read_flickr8k(put(tmp_path, "c.csv", CSV), names)
    assert pairs.ids.tolist() == ["b.jpg", "a.jpg"] and pairs.captions == (("A cow .",), ("A cat, black .", "A cat ."))
    assert pairs.identity["left_out"] == ["stray.jpg"]


@pytest.mark.parametrize(
    ("csv", "names", "says"),
    [
        ("a.jpg,A cat\n", "a.jpg", "c.csv: the first line is not image,caption"),
        ("", "a.jpg", "c.csv: the first line"),
        ('image,caption\na.jpg,"A cat', "a.jpg", "c.csv, line 2: cut off"),
        ("image,caption\na.jpg\n", "a.jpg", "c.csv, line 2: not image,caption"),
        (CSV, "a.jpg\nb.jpg\na.jpg\n", "n.txt: a.jpg appears twice"),
        (CSV, "a.jpg\nx.jpg\ny.jpg\n", "n.txt: c.csv has captions of only a few of its images"),
        (CSV, "", "no images in it"),
    ],
)
def test_wrong_flickr8k_files(tmp_path: Path, csv: str, names: str, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        read_flickr8k(put(tmp_path, "c.csv", csv), put(tmp_path, "n.txt", names))


def test_unknown_parts() -> None:
    with pytest.raises(CompanionError, match="no split 'x'"):
        flickr8k("x")


# The published files. No text of theirs is written here, only what was counted.


@pytest.mark.data
def test_real_flickr8k(data_root: Path, cache: Path) -> None:
    photos = flickr8k("test")
    assert len(photos) == 1000 and len(photos.identity["left_out"]) == 1 and photos.images is not None
    assert photos.images[0].size == (224, 224)
