"""Vectors of class names: read from small files in the published form, and one line for any other file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lib.data import clip_labels
from lib.data.clip_labels import FOLDER, labels, unit_rows
from lib.data.errors import CompanionError

LVIS, OBJECTS = 1203, 365


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The four files of the classes; LVIS is not in the order of its numbers, and one class is in both lists."""
    monkeypatch.setattr(clip_labels, "locate", lambda dataset, path: tmp_path / Path(path).name)
    lvis = [{"id": number, "name": f"sea_thing_{number}"} for number in range(LVIS)]
    (tmp_path / "lvis_v1_train_cat_info.json").write_text(json.dumps(lvis[::-1]))
    names = [*(f"{number},Object {number}" for number in range(OBJECTS - 1)), "364,Sea thing 7"]
    (tmp_path / "Objects365_names_fix.csv").write_text("\n".join(names))
    random = np.random.default_rng(0)
    np.save(tmp_path / "lvis_v1_clip_a+cname.npy", 3 * random.normal(size=(LVIS, 512)))
    np.save(tmp_path / "o365_clip_a+cnamefix.npy", random.normal(size=(OBJECTS, 512)))
    return tmp_path


def test_every_class_has_its_own_unit_vector_and_the_first_of_two(folder: Path) -> None:
    names, vectors = labels()
    assert len(names) == len(set(names)) == len(vectors) == LVIS + OBJECTS - 1
    assert names[:2] == ("sea thing 0", "sea thing 1") and names[LVIS:][:1] == ("object 0",)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    raw = np.load(folder / "lvis_v1_clip_a+cname.npy")
    np.testing.assert_allclose(vectors[names.index("sea thing 7")], raw[7] / np.linalg.norm(raw[7]), atol=1e-6)


def test_names_that_do_not_match_the_vectors_are_one_line(folder: Path) -> None:
    with open(folder / "Objects365_names_fix.csv", "a") as stream:
        stream.write("\n365,one more")
    with pytest.raises(CompanionError, match=f"{LVIS + OBJECTS + 1} names for {LVIS + OBJECTS} vectors; get the files"):
        labels()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (np.ones((3, 2)), r"f.npy: expected finite numbers \(2, 2\); get the right file"),
        (np.array([[1.0, np.nan], [1, 1]]), r"f.npy: expected finite numbers \(2, 2\); get the right file"),
        (np.array([[1.0, 0], [0, 0]]), "f.npy: row 1 is zero; get the right file"),
    ],
)
def test_other_rows_are_one_line(folder: Path, rows: np.ndarray, says: str) -> None:
    np.save(folder / "f.npy", rows)
    with pytest.raises(CompanionError, match=says):
        unit_rows(f"{FOLDER}/f.npy", clip_labels.LABELS, (2, 2))
