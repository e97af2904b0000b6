"""Embeddings that a user made elsewhere, in `.npy` files or in one parquet file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.data.formats.arrays import read_npy
from lib.data.formats.parquet import read_columns, read_table
from lib.data.formats.text_files import read_text
from lib.data.tally import Tally

_PARTS = ("image", "text", "judge")
"""The matrices that a folder may have."""

_IDS = "ids.txt"

_KINDS = {"folder": Path.is_dir, "other file": Path.is_file, "special file": Path.exists}
"""What an entry of a folder is, in the order of the questions; a link to nothing is none of it."""

_TABLE = "embeddings.parquet"
"""The file that holds matrices and ids in one."""


class OwnVectors(NamedTuple):
    """Embeddings of n pictures by a user's own encoders."""

    ids: np.ndarray
    """Strings (n,), unique."""
    image: np.ndarray
    """Embeddings of the pictures, float32 (n, d)."""
    text: np.ndarray | None
    """Embeddings of their captions in the same space, float32 (n, d), or None."""
    judge: np.ndarray | None
    """Embeddings of the pictures by another encoder, float32 (n, any width), or None."""
    identity: dict[str, str]
    """The sha256 of each file."""
    tally: Tally
    """What became of every entry of the folder."""


def own_vectors(folder: Path) -> OwnVectors:
    """Read `embeddings.parquet`, or `image.npy` (n, d) and, if they exist, `text.npy`, `judge.npy` and `ids.txt`.

    The parquet file has a column image of lists of numbers, and may have columns id, text and judge. float16 and
    float64 become float32. A row that is zero, NaN, infinite, or of another width is an error that names it; so are
    files of both kinds in one folder.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> np.save(folder / "image.npy", np.eye(3))
    >>> own_vectors(folder).ids.tolist()
    ['row-0', 'row-1', 'row-2']
    """
    table, tally = folder / _TABLE, account(folder)
    files = [path for path in (*(folder / f"{part}.npy" for part in _PARTS), folder / _IDS) if path.is_file()]
    if table.is_file() and files:
        raise CompanionError(f"{folder}: {files[0].name} and {_TABLE} both hold embeddings; keep one of them")
    if table.is_file():
        files = [table]
        ids, matrices, others = _from_table(table)
        tally = tally.leaving("unread column", others)
    else:
        matrices = {path.stem: _loaded(path) for path in files if path.suffix == ".npy"}
        ids = _listed_ids(folder / _IDS) if folder / _IDS in files else None
    if "image" not in matrices:
        raise _no_image(folder, tally)
    what = ", ".join(f"{part} {matrix.shape[0]} x {matrix.shape[1]}" for part, matrix in matrices.items())
    tally = tally.reading(f"{what}{'' if ids is None else ' and ids'}", *(path.name for path in files))
    return _checked(folder, ids, matrices, {path.name: sha256_file(path) for path in files}, tally)


def account(folder: Path) -> Tally:
    """Account for every entry of a folder of embeddings, before anything in it is read."""
    if not folder.is_dir():
        raise CompanionError(f"{folder}: no such folder; give a folder of embeddings")
    kinds: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        kind = next((kind for kind, is_one in _KINDS.items() if is_one(path)), "broken link")
        kinds.setdefault("hidden file" if path.name.startswith(".") else kind, []).append(path.name)
    tally = Tally(folder.resolve().name)
    for kind, names in kinds.items():
        tally = tally.leaving(kind, names)
    return tally


def _from_table(table: Path) -> tuple[list[str] | None, dict[str, np.ndarray], list[str]]:
    """The ids, the matrices and the names of the other columns of a parquet file."""
    columns = read_columns(table)
    matrices = {part: _listed(table, part) for part in _PARTS if part in columns}
    others = [name for name in columns if name not in (*_PARTS, "id")]
    if "id" not in columns:
        return None, matrices, others
    ids = read_table(table, ["id"]).column("id").to_pylist()
    if None in ids:
        raise CompanionError(f"{table.name}, row {ids.index(None)}: no id; give every row its own")
    return [str(one) for one in ids], matrices, others


def _listed_ids(path: Path) -> list[str]:
    lines = read_text(path).split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if (blank := next((number for number, line in enumerate(lines, 1) if not line.strip()), None)) is not None:
        raise CompanionError(f"{path.name}, line {blank}: no id; give every row its own")
    return lines


def refuse_without_vectors(folder: Path) -> None:
    """Raise the error about a folder with none of the files that `own_vectors` reads."""
    if not any((folder / name).is_file() for name in (_TABLE, "image.npy")):
        raise _no_image(folder, account(folder))


def _no_image(folder: Path, tally: Tally) -> CompanionError:
    return CompanionError(f"{folder}: neither image.npy nor {_TABLE} with a column image; add one ({tally.line()})")


def _checked(
    folder: Path, ids: list[str] | None, matrices: dict[str, np.ndarray], identity: dict[str, str], tally: Tally
) -> OwnVectors:
    image, text = matrices["image"], matrices.get("text")
    names = [f"row-{i}" for i in range(len(image))] if ids is None else ids
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
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
        raise CompanionError(
            f"{folder}: text has shape {text.shape} and image {image.shape}, but they share a space; embed both with "
            "one encoder"
        )
    return OwnVectors(np.array(names), image, text, matrices.get("judge"), identity, tally)


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
    with np.errstate(over="ignore"):  # a number that float32 cannot hold becomes infinite, which is refused later
        return array.astype(np.float32)
