"""A user's own vectors, in .npy files and in parquet: what is read, and one line for each kind of damage."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import CompanionError, NotAvailable
from lib.data.formats.own_vectors import own_vectors
from tests.data.formats.files import picture, put, shade


def vectors(folder: Path, **arrays: np.ndarray) -> Path:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def test_own_vectors(tmp_path: Path) -> None:
    image = np.arange(1, 7, dtype=np.float64).reshape(3, 2)
    found = own_vectors(vectors(tmp_path, image=image, text=image.astype(np.float16), judge=np.ones((3, 5))))
    assert found.ids.tolist() == ["row-0", "row-1", "row-2"] and found.image.dtype == np.float32
    assert (
        found.judge is not None
        and found.judge.shape == (3, 5)
        and set(found.identity) == {f"{p}.npy" for p in ("image", "text", "judge")}
    )
    put(tmp_path, {"ids.txt": "a\nb\nc\n"})
    assert own_vectors(tmp_path).ids.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("arrays", "ids", "says"),
    [
        ({"text": np.ones((2, 2))}, None, "neither image.npy nor embeddings.parquet"),
        ({"image": np.ones(4)}, None, r"image\.npy: expected numbers of shape \(rows, width\), found float64 \(4,\)"),
        ({"image": np.ones((0, 4))}, None, "image.npy: expected numbers of shape"),
        ({"image": np.array([["a"]])}, None, "image.npy: expected numbers of shape"),
        ({"image": np.array([[1.0], [np.nan]])}, None, "image of 'row-1' is zero, NaN or infinite"),
        ({"image": np.array([[1.0], [0.0]])}, "a\nb", "image of 'b' is zero, NaN or infinite"),
        ({"image": np.ones((2, 2))}, "a\na", "id 'a' appears twice"),
        ({"image": np.ones((2, 2))}, "a", "image has 2 rows for 1 ids"),
        ({"image": np.ones((2, 2)), "text": np.ones((2, 3))}, None, "they share a space"),
        ({"image": np.ones((2, 2)), "judge": np.ones((3, 2))}, None, "judge has 3 rows for 2 ids"),
        ({"image": np.array([{}], dtype=object)}, None, "image.npy: not a readable .npy file"),
    ],
)
def test_own_vectors_that_are_wrong(tmp_path: Path, arrays: dict, ids: str | None, says: str) -> None:
    vectors(tmp_path, **arrays)
    put(tmp_path, {"ids.txt": ids} if ids else {})
    with pytest.raises(CompanionError, match=says):
        own_vectors(tmp_path)


def test_the_tally_names_what_is_not_read(tmp_path: Path) -> None:
    vectors(tmp_path, image=np.ones((2, 3)), ids=np.arange(2), Text=np.ones((2, 3)))
    put(tmp_path, {"ids.txt": "a\r\nb\r\n\r\n", "notes.md": "x", ".DS_Store": "x", "old/image.npy": b"x"})
    (tmp_path / "text.npy").symlink_to(tmp_path / "nowhere.npy")
    os.mkfifo(tmp_path / "judge.npy")
    found = own_vectors(tmp_path)
    assert found.ids.tolist() == ["a", "b"] and found.text is None
    assert found.tally.read == ("image 2 x 3 and ids",) and found.tally.left_out == {
        "hidden file": (".DS_Store",),
        "other file": ("Text.npy", "ids.npy", "notes.md"),
        "folder": ("old",),
        "broken link": ("text.npy",),
        "special file": ("judge.npy",),
    }


@pytest.mark.parametrize("beside", ["image.npy", "text.npy", "judge.npy", "ids.txt"])
def test_two_exports_in_one_folder_are_refused(tmp_path: Path, beside: str) -> None:
    put(tmp_path, {"embeddings.parquet": b"PAR1", beside: b"x"})
    with pytest.raises(CompanionError, match=rf"{beside} and embeddings\.parquet both hold embeddings; keep one"):
        own_vectors(tmp_path)


@pytest.mark.parametrize(
    ("ids", "says"),
    [("", "image has 2 rows for 0 ids"), ("a\n\nb", r"ids\.txt, line 2: no id"), ("\na\nb", "line 1: no id")],
)
def test_ids_that_are_blank_are_refused(tmp_path: Path, ids: str, says: str) -> None:
    vectors(tmp_path, image=np.ones((2, 2)))
    put(tmp_path, {"ids.txt": ids})
    with pytest.raises(CompanionError, match=says):
        own_vectors(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a Git LFS pointer .* `git lfs pull`"),
        (np.ones(4, np.float32).tobytes(), "it begins with b'.*', as no .npy file does"),
        (b"<!DOCTYPE html>", "it begins with b'<!DOCTYP'"),
        (b"", "empty"),
    ],
)
def test_what_is_no_array_is_told_without_unsafe_advice(tmp_path: Path, content: bytes, says: str) -> None:
    put(tmp_path, {"image.npy": content})
    with pytest.raises(CompanionError, match=rf"image\.npy: not a readable \.npy file \({says}") as error:
        own_vectors(tmp_path)
    assert "pickle" not in str(error.value)
    np.save(tmp_path / "image.npy", np.array([{}], dtype=object))
    with pytest.raises(CompanionError, match="it contains Python objects in place of numbers") as error:
        own_vectors(tmp_path)
    assert "pickle" not in str(error.value)


def test_a_folder_without_embeddings_names_what_is_there(tmp_path: Path) -> None:
    put(tmp_path, {"img_emb_0.npy": b"x", "embeddings-00000-of-00002.parquet": b"x"})
    with pytest.raises(CompanionError, match=r"add one \(.*left out: 2 other files \(embeddings-0.*, img_emb_0\.npy\)"):
        own_vectors(tmp_path)
    with pytest.raises(CompanionError, match="no such folder; give a folder of embeddings"):
        own_vectors(tmp_path / "none")


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    import pyarrow.parquet as pq

    from lib.data.formats.parquet import labelled_parquet

    rows = [{"bytes": picture(30 * i), "path": f"{i}.jpg"} for i in range(5)]
    table = pa.table({"image": rows, "label": [0, 1, 1, 0, 1]})
    pq.write_table(table, tmp_path / "train-00000.parquet", row_group_size=2)
    found = labelled_parquet(tmp_path, ("tench", "goldfish"))
    assert found.pairs.ids[0] == "train-00000.parquet#0" and found.labels.tolist() == [0, 1, 1, 0, 1]
    images = found.pairs.images
    assert images is not None and [shade(images[i]) for i in (4, 0, 3)] == [120, 0, 90]
    with pytest.raises(CompanionError, match="row 1: label 1; there are 1 classes"):
        labelled_parquet(tmp_path, ("tench",))
    pq.write_table(pa.table({"id": ["a", "b"], "image": [[1.0, 2.0], [3.0, 4.0]]}), tmp_path / "embeddings.parquet")
    assert own_vectors(tmp_path).ids.tolist() == ["a", "b"]
    extra = pa.table({"id": ["a", None], "image": [[1.0], [3.0]], "url": ["x", "y"]})
    pq.write_table(extra.slice(0, 1), tmp_path / "embeddings.parquet")
    assert own_vectors(tmp_path).tally.left_out["unread column"] == ("url",)
    pq.write_table(extra, tmp_path / "embeddings.parquet")
    with pytest.raises(CompanionError, match="row 1: no id"):
        own_vectors(tmp_path)
    pq.write_table(pa.table({"image": [[1.0], [3.0, 4.0]]}), tmp_path / "embeddings.parquet")
    with pytest.raises(CompanionError, match="does not hold lists of one length"):
        own_vectors(tmp_path)
    (tmp_path / "embeddings.parquet").unlink()
    (tmp_path / "train-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(CompanionError, match=r"train-00000\.parquet: not a readable parquet file"):
        labelled_parquet(tmp_path, ("tench",))


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    put(tmp_path, {"embeddings.parquet": b"PAR1"})
    with pytest.raises(NotAvailable, match=r"reading parquet needs pyarrow; run `pip install -e '\.\[parquet\]'`"):
        own_vectors(tmp_path)
