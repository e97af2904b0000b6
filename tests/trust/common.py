"""Shared parts of the tests of trust: how an error must look, what a run leaves, and what each file has tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest

from lib.base.errors import LONGEST, CompanionError
from lib.base.files import sha256_file, write_json
from lib.run.notebooks import clean

RESULTS = Path(__file__).parent / "results"
"""What the long runs found: facts that are the same on any machine, or say what was killed and compared."""


def note(name: str, found: object) -> None:
    """Write what a run found, for `tests.trust.report`."""
    write_json(RESULTS / f"{name}.json", found)


class Tried(NamedTuple):
    """A row of `docs/trust.md`: what was given, how many different ones, and how it must end."""

    what: str
    inputs: int
    ends: str


@contextmanager
def one_line(*words: str) -> Iterator[None]:
    """What runs inside ends in the companion's own error, which has one line and says all the words."""
    with pytest.raises(CompanionError) as caught:
        yield
    line = str(caught.value)
    assert "\n" not in line and len(line) <= LONGEST
    assert [word for word in words if word not in line] == [], line


def listing(folder: Path) -> dict[str, bytes]:
    """Path to bytes of all files of a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


PASSING = {"locks", "verified"}
"""Folders of the cache whose files are empty, or remember a file's time of change."""


def kept(root: Path) -> dict[str, str]:
    """Path to sha256 of everything that a run leaves for good in `cache` and `results`.

    Of an executed notebook it is that of the outputs: the times that papermill notes are another every time. The
    summary of a run is left out; it holds durations.
    """
    found = {}
    for path in sorted(path for part in ("cache", "results") for path in (root / part).rglob("*") if path.is_file()):
        name = path.relative_to(root)
        if path.suffix == ".lock" or path.name == "summary.json" or PASSING & set(name.parts):
            continue
        if path.suffix == ".ipynb":
            notebook = clean(nbformat.read(path, 4), path.stem)
            found[str(name)] = nbformat.writes(notebook)
        else:
            found[str(name)] = sha256_file(path)
    return found
