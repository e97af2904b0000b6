"""Real CLIP embeddings: the numbers known of them, and one line for any file that is not them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lib.data import clip_arrays
from lib.data.clip_arrays import coco500, read_towers
from lib.data.errors import CompanionError, NotAvailable

SHAPE = (2, 4, 3)


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


def test_absent_file_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(dataset: str, path: str) -> Path:
        raise NotAvailable(f"{path} of dataset {dataset!r} is not here")

    monkeypatch.setattr(clip_arrays, "locate", absent)
    with pytest.raises(NotAvailable, match="of dataset 'clip-arrays' is not here"):
        coco500()


@pytest.mark.data
def test_known_numbers_of_the_real_file(data_root: Path, cache: Path) -> None:
    """Recall, cosines and gap as measured when the file was chosen."""
    ids, image, text, identity = coco500()
    assert len(set(ids)) == 500 and image.shape == text.shape == (500, 512) and image.dtype == np.float32
    assert identity["sha256"].startswith("7227280ace0f")
    cosines = image.astype(np.float64) @ text.T.astype(np.float64)
    own = np.eye(500, dtype=bool)
    assert (cosines.argmax(axis=1) == np.arange(500)).mean() == pytest.approx(0.552, abs=5e-4)
    assert cosines[own].mean() == pytest.approx(0.310, abs=1e-3)
    assert cosines[~own].mean() == pytest.approx(0.162, abs=1e-3)
    gap = np.linalg.norm(image.astype(np.float64).mean(axis=0) - text.astype(np.float64).mean(axis=0))
    assert gap == pytest.approx(0.851, abs=1e-3)
