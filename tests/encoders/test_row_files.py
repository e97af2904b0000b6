"""What is made of a mapped matrix is, where it is large, a file, too; and in blocks it is what it is as a whole."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.encoders import row_files
from lib.encoders.embeddings import Embeddings
from lib.encoders.row_files import by_reference, first_not_finite, load_ids, row_blocks

MATRIX = np.random.default_rng(0).standard_normal((100, 7)).astype(np.float32)


def in_memory() -> Embeddings:
    return Embeddings(np.arange(100).astype(str), MATRIX, 2 * MATRIX[::-1], "toy", False, {"toy": 1})


@pytest.fixture
def mapped(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Embeddings:
    """The same as files, where a kilobyte is large and a block has four rows."""
    monkeypatch.setattr(row_files, "IN_MEMORY", 1000)
    monkeypatch.setattr(row_files, "_BLOCK", 4 * 7 * 4)
    paths = [tmp_path / "image.npy", tmp_path / "text.npy"]
    for path, matrix in zip(paths, (in_memory().image, in_memory().text), strict=True):
        np.save(path, matrix)
    image, text = (np.load(path, mmap_mode="r") for path in paths)
    return replace(in_memory(), image=image, text=text)


def assert_equal(first: Embeddings, second: Embeddings) -> None:
    assert first.identity == second.identity and first.ids.tolist() == second.ids.tolist()
    for tower in ("image", "text"):
        np.testing.assert_array_equal(first.tower(tower), second.tower(tower))


def test_blocks_cover_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_files, "_BLOCK", 30 * 7 * 4)
    assert [(part.start, part.stop) for part in row_blocks(MATRIX)] == [(0, 30), (30, 60), (60, 90), (90, 100)]
    assert [(part.start, part.stop) for part in row_blocks(MATRIX, 31)] == [(0, 30), (30, 31)]
    assert list(row_blocks(MATRIX[:0])) == []


def test_unit_rows_of_a_large_store_are_a_file_with_the_same_numbers(mapped: Embeddings, cache: Path) -> None:
    unit = mapped.unit()
    assert isinstance(unit.image, np.memmap) and isinstance(unit.text, np.memmap)
    assert_equal(unit, in_memory().unit())
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("rows.npy")}
    assert len(before) == 2
    mapped.unit()
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("rows.npy")} == before


def test_chosen_rows_of_a_large_store_are_a_file_with_the_same_numbers(mapped: Embeddings) -> None:
    chosen = np.random.default_rng(1).permutation(100)[:60]
    many, few = mapped.rows(chosen, "some"), mapped.rows(chosen[:3], "few")
    assert isinstance(many.image, np.memmap) and not isinstance(few.image, np.memmap)
    assert_equal(many, in_memory().rows(chosen, "some"))
    assert_equal(few, in_memory().rows(chosen[:3], "few"))
    mask = np.arange(100) % 3 == 0
    assert_equal(mapped.rows(mask, "third"), in_memory().rows(mask, "third"))


def test_bad_rows_are_named_in_whatever_block(mapped: Embeddings) -> None:
    for row in (0, 50, 99):
        broken = MATRIX.copy()
        broken[row, 3] = np.inf
        assert first_not_finite(broken) == row
        with pytest.raises(CompanionError, match=f"image embedding of '{row}' contains NaN"):
            replace(mapped, image=broken)
        broken[row] = 0
        with pytest.raises(CompanionError, match=f"embedding of '{row}' is zero"):
            replace(mapped, image=broken).unit()
    assert first_not_finite(MATRIX) is None


def test_another_process_maps_a_large_file_itself(mapped: Embeddings) -> None:
    sent = pickle.dumps(mapped)
    assert MATRIX.tobytes() not in sent and MATRIX.tobytes() in pickle.dumps(in_memory())
    there = pickle.loads(sent)
    assert isinstance(there.image, np.memmap)
    assert_equal(there, mapped)
    assert_equal(pickle.loads(pickle.dumps(in_memory())), in_memory())


def test_a_part_of_a_file_is_sent_as_it_is(mapped: Embeddings) -> None:
    part = mapped.tower("image")[10:90]
    assert by_reference(part) is part
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(part)), MATRIX[10:90])


def test_ids_are_mapped_where_they_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ids.npy"
    np.save(path, np.arange(100).astype(str))
    assert not isinstance(load_ids(path), np.memmap)
    monkeypatch.setattr(row_files, "IN_MEMORY", 100)
    assert isinstance(load_ids(path), np.memmap) and load_ids(path)[7] == "7"
