"""What decides whether a notebook must run again: the hash of all it depends on, and of the results it wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.data.files import ROOT, digest, sha256_file, writable, write_json
from lib.run.places import results_root, runs_folder
from lib.run.profiles import Profile

if TYPE_CHECKING:
    from nbformat import NotebookNode  # seconds to import, and every notebook's first call comes by here

LAST = "90"
"""Notebooks from this number on read what the others wrote: they run after them, and again when it changes."""


def run_digest(notebook: NotebookNode, number: str, parameters: Mapping[str, Any], profile: Profile) -> str:
    """The hash of a run: source cells, parameters, settings, the library with its weights, pins and data manifest."""
    return digest(
        {
            "cells": [[cell.cell_type, cell.source] for cell in notebook.cells],
            "parameters": dict(parameters),
            "profile": profile.model_dump(),
            "library": _library(),
            "claims": _claims(results_root()) if number >= LAST else {},
        }
    )


def explorer_key(profile: Profile) -> dict[str, Any]:
    """What decides the explorer's page: settings, and the library with its weights, pins and data manifest."""
    return {"profile": profile.model_dump(), "library": _library()}


def forget_written(profile: str, number: str) -> None:
    """A notebook starts: what it wrote before is no longer known."""
    _ledger(profile, number).unlink(missing_ok=True)


def note_written(profile: str, number: str, path: Path) -> None:
    """A notebook wrote a result file."""
    ledger = _ledger(profile, number)
    with writable(ledger):
        ledger.parent.mkdir(parents=True, exist_ok=True)
        with open(ledger, "a") as stream:
            stream.write(path.resolve().relative_to(results_root()).as_posix() + "\n")


def record_run(profile: str, number: str, run: str, executed: Path) -> None:
    """A run ended well: note its hash and the sha256 of its results."""
    ledger = _ledger(profile, number)
    names = ledger.read_text().splitlines() if ledger.exists() else []
    files = {name: sha256_file(results_root() / name) for name in names}
    write_json(_record(profile, number), {"run": run, "executed": executed.name, "results": files})


def is_current(profile: str, number: str, run: str, executed: Path) -> bool:
    """Whether the last good run had this hash, and its executed notebook and results are as it left them."""
    try:
        record = json.loads(_record(profile, number).read_text())
        return (
            record["run"] == run
            and record["executed"] == executed.name
            and executed.is_file()
            and all(sha256_file(results_root() / name) == sha256 for name, sha256 in record["results"].items())
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # another version's, or damaged
        return False


@cache
def _library() -> str:
    """Once a process: a run must not see half of an edit."""
    files = [path for path in (ROOT / "lib").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    files += [path for path in (ROOT / "constraints.txt", ROOT / "data_manifest.yaml") if path.is_file()]
    return digest({path.relative_to(ROOT).as_posix(): sha256_file(path) for path in files})


def _claims(results: Path) -> dict[str, str]:
    return {path.relative_to(results).as_posix(): sha256_file(path) for path in results.glob("*/claims/*.json")}


def _record(profile: str, number: str) -> Path:
    return runs_folder(profile) / f"{number}.json"


def _ledger(profile: str, number: str) -> Path:
    return runs_folder(profile) / f"{number}.written"
