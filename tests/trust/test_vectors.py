"""Embeddings that a user made elsewhere: every number format reads as the same matrix, everything else is one line."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lib.base.errors import CompanionError
from lib.data.formats.own_vectors import own_vectors
from lib.data.sets.ship_vectors import read_towers
from tests.trust.common import Tried, listing, one_line

GOOD = np.arange(1, 13).reshape(4, 3)


def npy(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def raw(header: str, data: bytes = bytes(48), version: bytes = b"\x01\x00") -> bytes:
    """A file with any text in place of its header."""
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode() + data


def header(shape: str, descr: str = "'<f4'", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


SAME = {
    "float16": npy(GOOD.astype(np.float16)),
    "float64": npy(GOOD.astype(np.float64)),
    "long double": npy(GOOD.astype(np.longdouble)),
    "int8": npy(GOOD.astype(np.int8)),
    "uint64": npy(GOOD.astype(np.uint64)),
    "big-endian": npy(GOOD.astype(">f4")),
    "big-endian int": npy(GOOD.astype(">i2")),
    "Fortran order": npy(np.asfortranarray(GOOD, dtype=np.float32)),
    "version 2": npy(GOOD.astype(np.float32), version=(2, 0)),
    "version 3": npy(GOOD.astype(np.float32), version=(3, 0)),
}


def with_value(value: float, dtype: type = np.float32) -> bytes:
    array = GOOD.astype(dtype)
    array[2] = 0 if value == 0 else array[2]
    array[2, 1] = value
    return npy(array)


ROWS = {
    "NaN": with_value(np.nan),
    "infinity": with_value(np.inf),
    "minus infinity": with_value(-np.inf),
    "float16 overflow": npy((GOOD * np.array([[1], [1], [1e5], [1]])).clip(None, np.inf).astype(np.float16)),
    "float64 beyond float32": with_value(1e300, np.float64),
    "a row of zeros": with_value(0),
    "a row below float32": npy(GOOD * np.array([[1.0], [1.0], [1e-300], [1.0]])),
}

FORMS = {
    "objects": npy(np.array([[1, "a"]], dtype=object), allow_pickle=True),
    "a pickle": pickle.dumps(GOOD),
    "truth values": npy(GOOD > 2),
    "complex": npy(GOOD + 1j),
    "words": npy(np.array([["a", "b"]])),
    "dates": npy(np.array([["2026-01-02"]], dtype="M8[s]")),
    "records": npy(np.zeros((2, 2), dtype=[("a", "<f4")])),
    "one dimension": npy(np.ones(4)),
    "three dimensions": npy(np.ones((2, 2, 2))),
    "no dimension": npy(np.array(1.0)),
    "no rows": npy(np.ones((0, 4))),
    "no columns": npy(np.ones((4, 0))),
    "an archive": b"",  # written by `archive` below
    "empty": b"",
    "no array": b"not an array",
    "another version": raw(header("(4, 3)"), version=b"\x09\x09"),
    "cut": SAME["float64"][:-8],
    "cut in its header": SAME["float64"][:40],
    "more rows than memory": raw(header("(1000000000000, 1000)")),
    "more than numbers hold": raw(header("(1099511627776, 1099511627776)")),
    "fewer than none": raw(header("(-1, 3)")),
    "an open bracket": raw("{'descr': ("),
    "brackets upon brackets": raw("(" * 5000),
    "signs upon signs": raw("-" * 9000 + "1"),
    "a list": raw("[1, 2]"),
    "mixed names": raw("{1: 2, 'shape': (1,)}"),
    "a number for a type": raw(header("(4, 3)", "3")),
    "a call": raw(header("(4, 3)", "__import__('os').system('true')")),
}

MUTANTS, RANDOM = 200, 100

TRIED = [
    Tried("number formats of a .npy file", len(SAME), "the same float32 matrix"),
    Tried("rows of NaN, infinity, zeros or overflow", len(ROWS), "one line that names the row"),
    Tried("other contents of a .npy file", len(FORMS), "one line that names the file; nothing unpickled or allocated"),
    Tried("random arrays of any type and shape", RANDOM, "read or refused, as an independent rule of the test says"),
    Tried(".npy files with bytes overwritten", MUTANTS, "a matrix, or one line"),
]


def put(folder: Path, content: bytes, name: str = "image") -> Path:
    (folder / f"{name}.npy").write_bytes(content)
    return folder


@pytest.mark.parametrize("name", SAME)
def test_every_format_reads_as_the_same_numbers(tmp_path: Path, name: str) -> None:
    found = own_vectors(put(tmp_path, SAME[name])).image
    assert found.dtype == np.float32 and found.dtype.isnative
    np.testing.assert_array_equal(found, GOOD.astype(np.float32))


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.filterwarnings("error")
def test_a_bad_row_is_named(tmp_path: Path, name: str) -> None:
    put(tmp_path, ROWS[name])
    before = listing(tmp_path)
    with one_line("image of 'row-2' is zero, NaN or infinite"):
        own_vectors(tmp_path)
    assert listing(tmp_path) == before


def archive(path: Path) -> None:
    with open(path, "wb") as stream:
        np.savez(stream, image=GOOD)


@pytest.mark.parametrize("part", ["image", "judge"])
@pytest.mark.parametrize("name", FORMS)
def test_other_contents_are_told(tmp_path: Path, name: str, part: str) -> None:
    put(tmp_path, SAME["float64"])
    put(tmp_path, FORMS[name], part)
    if name == "an archive":
        archive(tmp_path / f"{part}.npy")
    before = listing(tmp_path)
    with one_line(f"{part}.npy: "):
        own_vectors(tmp_path)
    assert listing(tmp_path) == before
    (tmp_path / f"{part}.npy").unlink()
    assert len(own_vectors(put(tmp_path, SAME["float64"])).ids) == 4


@pytest.mark.parametrize("name", FORMS)
def test_published_vectors_are_read_as_strictly(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, FORMS[name]) / "image.npy"
    if name == "an archive":
        archive(path)
    with one_line("image.npy: "):
        read_towers(path, (2, 4, 3))


@pytest.mark.parametrize("part", ["text", "judge"])
def test_another_width_or_height_is_told(tmp_path: Path, part: str) -> None:
    put(tmp_path, SAME["float64"])
    put(tmp_path, npy(np.ones((5, 3))), part)
    with one_line(f"{part} has 5 rows for 4 ids"):
        own_vectors(tmp_path)
    put(tmp_path, npy(np.ones((4, 2))), part)
    if part == "text":
        with one_line("text has shape (4, 2) and image (4, 3), but they share a space"):
            own_vectors(tmp_path)
    else:
        assert own_vectors(tmp_path).judge is not None


ANY = hnp.arrays(
    dtype=hnp.scalar_dtypes() | hnp.array_dtypes(),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@settings(max_examples=RANDOM)
@given(array=ANY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_any_array_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    folder = put(tmp_path_factory.mktemp("own"), npy(array))
    numbers = array.dtype.kind in "fiu" and array.ndim == 2 and array.size > 0
    plain = array.astype(np.float32) if numbers else np.zeros((1, 1), np.float32)
    if numbers and all(np.isfinite(row).all() and row.any() for row in plain):
        np.testing.assert_array_equal(own_vectors(folder).image, plain)
    else:
        with one_line():
            own_vectors(folder)


@settings(max_examples=MUTANTS)
@given(
    name=st.sampled_from(sorted(SAME)),
    changes=st.lists(st.tuples(st.integers(0, 190), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
    cut=st.integers(0, 400),
)
def test_mutants_give_a_matrix_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, changes: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(SAME[name])
    for at, junk in changes:
        data[at : at + len(junk)] = junk
    folder = put(tmp_path_factory.mktemp("own"), bytes(data[: len(data) - cut // 2] if cut % 2 else data))
    try:
        assert np.isfinite(own_vectors(folder).image).all()
    except CompanionError as error:
        assert "\n" not in str(error) and ("image.npy" in str(error) or "row-" in str(error))
