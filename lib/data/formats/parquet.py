"""Pictures and vectors in parquet files, as dataset hubs publish them; this needs pyarrow (the extra `parquet`)."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import state_of
from lib.data.formats.images import LazyImages, open_image
from lib.data.formats.text_files import is_lfs_pointer
from lib.data.labelled import LabelledPairs
from lib.data.pairs import Pairs


class ParquetImages(LazyImages):
    """Pictures in the column `image` of parquet files, as encoded bytes; their names are `FILE#ROW`."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        super().__init__(names)
        self.folder = folder

    def read(self, name: str) -> Image.Image:
        file, _, row = name.rpartition("#")
        starts = _group_starts(self.folder / file)
        group = bisect_right(starts, int(row)) - 1
        value = _pictures(self.folder / file, group)[int(row) - starts[group]].as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise CompanionError(
                f"{name}: the column image has no bytes of a picture; fetch the files with their pictures"
            )
        return open_image(BytesIO(content), name)


def labelled_parquet(folder: Path, classes: tuple[str, ...]) -> LabelledPairs:
    """Read all `.parquet` files of a folder with the columns image and label, the layout of ImageNet-1k.

    classes: the name of each label.
    """
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise CompanionError(f"{folder}: no .parquet files in it; give the folder of the shards")
    names, labels = list[str](), list[int]()
    for file in files:
        found = read_table(file, ["label"]).column("label").to_pylist()
        for row, label in enumerate(found):
            if not isinstance(label, int) or not 0 <= label < len(classes):
                raise CompanionError(f"{file.name}, row {row}: label {label}; there are {len(classes)} classes, from 0")
        names += [f"{file.name}#{row}" for row in range(len(found))]
        labels += found
    pairs = Pairs(np.array(names), ParquetImages(folder, names), None, {"parquet": state_of(files, folder)})
    return LabelledPairs(pairs, np.array(labels), classes)


def read_table(path: Path, columns: list[str]) -> Any:
    """Read some columns of a parquet file as an Arrow table."""
    file = _open(path)
    if absent := [name for name in columns if name not in file.schema_arrow.names]:
        known = ", ".join(file.schema_arrow.names)
        raise CompanionError(f"{path.name}: no column {absent[0]!r}; it has {known}")
    return file.read(columns=columns)


def read_columns(path: Path) -> list[str]:
    """Read the names of the columns of a parquet file."""
    return list(_open(path).schema_arrow.names)


def _open(path: Path) -> Any:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise NotAvailable("reading parquet needs pyarrow; run `pip install -e '.[parquet]'`") from None
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError:
        raise CompanionError(f"{path}: no such file; check the name") from None
    except Exception as error:  # Arrow raises kinds of its own
        if is_lfs_pointer(path):
            raise CompanionError(f"{path.name}: a Git LFS pointer in place of the file; run `git lfs pull`") from None
        raise CompanionError(f"{path.name}: not a readable parquet file ({str(error)[:120]}); get it again") from None


@lru_cache(maxsize=64)
def _group_starts(path: Path) -> list[int]:
    """Return the number of the first row of each row group."""
    meta = _open(path).metadata
    return [0, *accumulate(meta.row_group(i).num_rows for i in range(meta.num_row_groups - 1))]


@lru_cache(maxsize=2)
def _pictures(path: Path, group: int) -> Any:
    """Read the pictures of a row group, which is kept, since pictures are mostly read in their order."""
    return _open(path).read_row_group(group, columns=["image"]).column("image")
