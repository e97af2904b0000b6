"""Vectors of class names: one of unit norm per name, and the joins of names by their plain form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data.formats.arrays import read_unit_rows
from lib.data.sets import label_vectors
from lib.data.sets.join_labels import JOINS, answers, joins, plain
from lib.data.sets.label_vectors import labels_b16, labels_b32
from lib.data.sets.shipped_vectors import shipped


def test_every_class_has_its_own_unit_vector_and_the_first_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    tensors = {"lvis": 3 * rows[:3], "objects365": rows[3:]}
    notes = {"lvis": "cat\nsea lion\ndog", "objects365": "lamp\nsea lion"}
    monkeypatch.setattr(label_vectors, "shipped", lambda name: (tensors, notes, {}))
    names, vectors = labels_b32()
    assert names == ("cat", "sea lion", "dog", "lamp")
    np.testing.assert_allclose(vectors, rows[:4] / np.linalg.norm(rows[:4], axis=1, keepdims=True), atol=1e-6)


def test_the_shipped_names_are_in_the_order_of_their_vectors() -> None:
    names, vectors = labels_b32()
    assert len(names) == len(vectors) == len(set(names)) == 1391
    cosines = vectors @ vectors[names.index("dog")]
    assert cosines[names.index("puppy")] > np.quantile(cosines, 0.98)
    _, notes, _ = shipped("labels-vitb32")
    assert notes["lvis"].count("\n") == 1202 and notes["objects365"].count("\n") == 364
    names, vectors = labels_b16()
    assert len(names) == len(vectors) == len(set(names)) == 171 and names[0] == "person"
    cosines = vectors @ vectors[names.index("fork")]
    assert set(np.argsort(-cosines)[:4]) >= {names.index("knife"), names.index("spoon")}


def test_names_are_joined_by_their_plain_form_and_by_synonyms() -> None:
    lvis = [
        {"name": "alligator", "synonyms": ["alligator", "gator"]},
        {"name": "bass_(fish)", "synonyms": ["sea-bass"]},
    ]
    known = answers(("alligator", "bass (fish)", "cup"), lvis)
    assert plain("Sea-Lion_x") == "sea lion x"
    classes = {"set": ["Gator", "bass", "sea_bass", "cup"], "other": ["tree"]}
    assert joins(classes, known) == {"set": {"0": "alligator", "2": "bass (fish)", "3": "cup"}, "other": {}}


def test_the_committed_joins_name_labels() -> None:
    found, names = json.loads(JOINS.read_text()), set(labels_b32().names)
    assert set(found["imagenet"]) and len(found["imagenet"]) == len(set(found["imagenet"])) == 1000
    assert all(label in names for joined in found["labels"].values() for label in joined.values())
    assert len(found["labels"]["imagenet"]) > 200 and found["labels"]["caltech101"]["4"] == "airplane"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (np.ones((3, 2)), r"f.npy: expected finite numbers \(2, 2\); get the right file"),
        (np.array([[1.0, np.nan], [1, 1]]), r"f.npy: expected finite numbers \(2, 2\); get the right file"),
        (np.array([[1.0, 0], [0, 0]]), "f.npy: row 1 is zero; get the right file"),
    ],
)
def test_other_rows_are_one_line(tmp_path: Path, rows: np.ndarray, says: str) -> None:
    np.save(tmp_path / "f.npy", rows)
    with pytest.raises(CompanionError, match=says):
        read_unit_rows(tmp_path / "f.npy", (2, 2))
