"""The embeddings that ship: exactly the published ones, with their licence; and one line for any other file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import CompanionError, NotAvailable
from lib.data.formats.fetch import locate
from lib.data.formats.vector_files import read_vector_file, write_exact_halves
from lib.data.sets import shipped_vectors
from lib.data.sets.coco_vectors import coco500
from lib.data.sets.join_labels import JOINS
from lib.data.sets.join_labels import main as write_joins
from lib.data.sets.ship_vectors import main, read_towers, write_named
from lib.data.sets.shipped_vectors import FOLDER

SHAPE = (2, 4, 3)
SETS = ("coco500-vitb16", "cocostuff171-vitb16", "labels-vitb32")


def unit(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    values = np.random.default_rng(0).normal(size=shape)
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def saved(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "f.npy", array, allow_pickle=True)
    return folder / "f.npy"


def test_towers(tmp_path: Path) -> None:
    array = unit()
    image, text = read_towers(saved(tmp_path, array), SHAPE)
    assert np.array_equal(image, array[0]) and np.array_equal(text, array[1])


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (unit((2, 5, 3)), r"expected float32 \(2, 4, 3\), found float32 \(2, 5, 3\)"),
        (unit().astype(np.float64), "found float64"),
        (unit() * 2, "row 0 of tower 0 has norm 2 instead of 1"),
        (np.where(np.arange(24).reshape(SHAPE) == 23, np.nan, unit()).astype(np.float32), "row 3 of tower 1.*norm nan"),
        (np.array([{"a": 1}], dtype=object), "not a readable .npy file"),
    ],
)
def test_other_arrays(tmp_path: Path, array: np.ndarray, says: str) -> None:
    with pytest.raises(CompanionError, match=rf"f\.npy: .*{says}"):
        read_towers(saved(tmp_path, array), SHAPE)


@pytest.mark.parametrize("cut", [0, 5, 60, 140])
def test_cut_files(tmp_path: Path, cut: int) -> None:
    path = saved(tmp_path, unit())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CompanionError, match=r"f\.npy: not a readable \.npy file"):
        read_towers(path, SHAPE)


def test_several_arrays_in_one_file(tmp_path: Path) -> None:
    with open(tmp_path / "f.npy", "wb") as stream:
        np.savez(stream, a=unit())
    with pytest.raises(CompanionError, match=r"f\.npy: expected float32 .*found NpzFile"):
        read_towers(tmp_path / "f.npy", SHAPE)


def test_only_what_half_precision_holds_is_written(tmp_path: Path) -> None:
    exact = unit().astype(np.float16).astype(np.float32)
    write_exact_halves({"image": exact[0]}, {"note": "a\nb"}, tmp_path / "new" / "f.safetensors")
    tensors, notes = read_vector_file(tmp_path / "new" / "f.safetensors", "make it")
    assert notes == {"note": "a\nb"} and tensors["image"].dtype == np.float32
    np.testing.assert_array_equal(tensors["image"], exact[0])
    with pytest.raises(CompanionError, match=r"f.safetensors: float16 does not hold image exactly"):
        write_exact_halves({"image": unit()[0]}, {}, tmp_path / "f.safetensors")
    assert not (tmp_path / "f.safetensors").exists()


def test_names_must_be_as_many_as_vectors(tmp_path: Path) -> None:
    for names in (["a"], ["a", "b\nc"]):
        with pytest.raises(CompanionError, match=r"part: \d names \(names\) for 2 vectors; get the files again"):
            write_named({"part": np.ones((2, 3), np.float16)}, {"names": names}, tmp_path / "f.safetensors")


def test_a_file_that_is_not_there_or_cut_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped_vectors, "FOLDER", tmp_path)
    with pytest.raises(NotAvailable, match=r"vectors.safetensors of coco500 are not here; run python -m lib.data.sets"):
        shipped_vectors.shipped("coco500")
    (tmp_path / "f.safetensors").write_bytes(b"nothing")
    with pytest.raises(CompanionError, match=r"f.safetensors: cannot be read .*; restore it from the repository"):
        read_vector_file(tmp_path / "f.safetensors", "make it")


@pytest.mark.parametrize("name", SETS)
def test_every_set_has_its_notice_and_a_card(name: str) -> None:
    notice, card = ((FOLDER / name / part).read_text() for part in ("LICENSE", "README.md"))
    assert "Apache License" in notice or ("MIT License" in notice and "Copyright (c)" in notice)
    assert "**Licence**" in card and "python -m lib.data.sets.ship_vectors" in card
    assert {path.name for path in FOLDER.iterdir()} == set(SETS)
    assert max(path.stat().st_size for path in (FOLDER / name).iterdir()) < 20e6


def test_known_numbers_of_the_real_pairs() -> None:
    """Recall, cosines and gap as measured when the file was chosen."""
    ids, image, text, identity = coco500()
    assert len(set(ids)) == 500 and image.shape == text.shape == (500, 512) and image.dtype == np.float32
    assert identity["shipped"] == "coco500-vitb16"
    cosines = image.astype(np.float64) @ text.T.astype(np.float64)
    own = np.eye(500, dtype=bool)
    assert (cosines.argmax(axis=1) == np.arange(500)).mean() == pytest.approx(0.552, abs=5e-4)
    assert cosines[own].mean() == pytest.approx(0.310, abs=1e-3)
    assert cosines[~own].mean() == pytest.approx(0.162, abs=1e-3)
    gap = np.linalg.norm(image.astype(np.float64).mean(axis=0) - text.astype(np.float64).mean(axis=0))
    assert gap == pytest.approx(0.851, abs=1e-3)


@pytest.mark.data
def test_the_scripts_write_what_is_committed(data_root: Path, cache: Path, tmp_path: Path) -> None:
    main(tmp_path)
    for name in SETS:
        made, committed = (read_vector_file(folder / name / "vectors.safetensors", "") for folder in (tmp_path, FOLDER))
        assert made[1] == committed[1] and made[0].keys() == committed[0].keys(), name
        assert all(np.array_equal(made[0][part], committed[0][part]) for part in made[0]), name
    write_joins(tmp_path / "joins.json")
    assert (tmp_path / "joins.json").read_bytes() == JOINS.read_bytes()
    published = np.load(locate("clip-arrays", "clip-arrays/coco500-vitb16/features_clip.npy"))
    _, image, text, _ = coco500()
    assert np.array_equal(published, np.stack([image, text])), "float16 changes no number"
