"""Embeddings that a user made elsewhere: `.npy` files in a folder, or one parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.data.arrays import read_npy
from lib.data.errors import CompanionError
from lib.data.files import sha256_file
from lib.data.parquet import read_columns, read_table
from lib.data.text_files import read_text

PARTS = ("image", "text", "judge")


class OwnVectors(NamedTuple):
    """ids (n,) and float32 matrices of n rows: image, and if given text (the same space) and judge (any other)."""

    ids: np.ndarray
    image: np.ndarray
    text: np.ndarray | None
    judge: np.ndarray | None
    identity: dict[str, str]


def own_vectors(folder: Path) -> OwnVectors:
    """Read `image.npy` (n, d), and `text.npy`, `judge.npy` and `ids.txt` where they are; or `embeddings.parquet`.

    The parquet file has a column image of lists of numbers, and may have id, text and judge. float16 and float64 become
    float32. A row that is zero, NaN, infinite, or of another width is an error that names it.
    """
    table = folder / "embeddings.parquet"
    if table.is_file():
        columns = read_columns(table)
        matrices = {part: _listed(table, part) for part in PARTS if part in columns}
        ids = [str(one) for one in read_table(table, ["id"]).column("id").to_pylist()] if "id" in columns else None
        files = [table]
    else:
        files = [path for part in PARTS if (path := folder / f"{part}.npy").is_file()]
        matrices = {path.stem: _loaded(path) for path in files}
        listed = folder / "ids.txt"
        ids = read_text(listed).split("\n") if listed.is_file() else None
        ids = ids and [one for one in ids if one]
        files += [listed] if ids else []
    if "image" not in matrices:
        raise CompanionError(f"{folder}: neither image.npy nor embeddings.parquet with a column image; add one")
    return _checked(folder, ids, matrices, {path.name: sha256_file(path) for path in files})


def _checked(
    folder: Path, ids: list[str] | None, matrices: dict[str, np.ndarray], identity: dict[str, str]
) -> OwnVectors:
    image, text = matrices["image"], matrices.get("text")
    names = ids or [f"row-{i}" for i in range(len(image))]
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise CompanionError(f"{folder}: id {twice!r} appears twice; give every row its own")
    for part, matrix in matrices.items():
        if len(matrix) != len(names):
            raise CompanionError(f"{folder}: {part} has {len(matrix)} rows for {len(names)} ids; give one for each")
        good = np.isfinite(matrix).all(axis=1) & (matrix != 0).any(axis=1)
        if not good.all():
            raise CompanionError(
                f"{folder}: {part} of {names[int((~good).argmax())]!r} is zero, NaN or infinite; drop it"
            )
    if text is not None and text.shape != image.shape:
        raise CompanionError(f"{folder}: text of shape {text.shape} beside image of {image.shape}; they share a space")
    return OwnVectors(np.array(names), image, text, matrices.get("judge"), identity)


def _loaded(path: Path) -> np.ndarray:
    return _matrix(read_npy(path, "write it again"), path.name)


def _listed(path: Path, column: str) -> np.ndarray:
    rows = read_table(path, [column]).column(column).to_pylist()
    widths = {len(row) if isinstance(row, list) else 0 for row in rows}
    if len(widths) != 1 or 0 in widths:
        raise CompanionError(f"{path.name}: column {column} does not hold lists of one length; write it again")
    return _matrix(np.array(rows), f"{path.name}, column {column}")


def _matrix(array: np.ndarray, where: str) -> np.ndarray:
    if not isinstance(array, np.ndarray) or array.ndim != 2 or not array.size or array.dtype.kind not in "fiu":
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise CompanionError(f"{where}: expected numbers of shape (rows, width), found {found}; write it again")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which is told with its row
        return array.astype(np.float32)
