"""Right pairs of ECCV Caption and CxC: what is read, every error line, and the real files' counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data.sets.eccv_caption import positives, read_positives
from tests.data.sets.published import put


def positive_files(folder: Path, right: dict[str, list[int]], order: Any = (30, 10, 20)) -> list[Path]:
    np.save(folder / "ids.npy", np.array(order))
    owners = put(folder, "o.json", {"10": [1], "20": [2], "30": [2]})
    back = put(folder, "b.json", {"10": [1, 2]})
    return [folder / "ids.npy", owners, put(folder, "p.json", right), back]


def test_positives(tmp_path: Path) -> None:
    found = read_positives(*positive_files(tmp_path, {"2": [20, 30], "1": [10]}))
    assert found.image_ids.tolist() == [2, 1] and found.caption_ids.tolist() == [30, 10, 20]
    assert found.image_to_text.toarray().tolist() == [[True, False, True], [False, True, False]]
    assert found.text_to_image.toarray().tolist() == [[False, False], [True, True], [False, False]]


@pytest.mark.parametrize(
    ("right", "order", "says"),
    [
        ({"1": [10]}, (10, 10), "ids.npy: a caption appears twice"),
        ({"1": [10]}, (1.5, 2.5), "ids.npy: not a list of caption numbers"),
        ({"1": [10]}, (10, 40), "o.json: caption 40 does not have exactly one image"),
        ({"1": [10, 10]}, (30, 10, 20), "p.json, '1': not a list of different ids"),
        ({"1": ["10"]}, (30, 10, 20), "p.json, '1': not a list"),
        ({"x": [10]}, (30, 10, 20), "p.json, 'x': not a list"),
        ({}, (30, 10, 20), "p.json: not an object of ids"),
        ({"1": [77]}, (30, 10, 20), "p.json: 1 pairs are not of these images and captions"),
    ],
)
def test_wrong_positives(tmp_path: Path, right: dict[str, list[int]], order: Any, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        read_positives(*positive_files(tmp_path, right, order))


def test_positives_in_no_npy_file(tmp_path: Path) -> None:
    paths = positive_files(tmp_path, {"1": [10]})
    paths[0].write_bytes(paths[0].read_bytes()[:40])
    with pytest.raises(CompanionError, match=r"ids\.npy: not a readable \.npy file"):
        read_positives(*paths)


def test_unknown_parts() -> None:
    with pytest.raises(CompanionError, match="no positives 'x'; known: original, cxc, eccv"):
        positives("x")


# The published files. No text of theirs is written here, only what was counted.


@pytest.mark.data
def test_real_positives(data_root: Path, cache: Path) -> None:
    for source, pairs, queries in (("original", 25000, 5000), ("cxc", 35585, 5000), ("eccv", 22548, 1261)):
        found = positives(source)
        assert found.image_to_text.shape == (5000, 25000) and found.image_to_text.nnz == pairs
        assert (np.diff(found.image_to_text.indptr) > 0).sum() == queries
    assert (np.diff(positives("eccv").text_to_image.indptr) > 0).sum() == 1332
