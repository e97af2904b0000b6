"""Decide whether a notebook must run again, by a hash of all that it depends on and of the results that it wrote."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lib.base.cells import Cell
from lib.base.files import ROOT, digest, sha256_file, state_of, writable, write_json
from lib.base.places import results_root, runs_folder
from lib.worlds.profiles import Profile, own_folder

LAST = "90"
"""Notebooks from this number on read what the others wrote: they run last, and again when that changes."""


def run_digest(cells: Sequence[Cell], number: str, parameters: Mapping[str, Any], profile: Profile) -> str:
    """Hash what decides a run: cells, parameters, settings, the library with its weights, pins and data manifest.

    For a user's own folder it takes the names, sizes and times of change of all files.
    """
    return digest(
        {
            "cells": [[cell.kind, cell.source] for cell in cells],
            "parameters": dict(parameters),
            "profile": profile.model_dump(),
            "library": _library(),
            "folder": _folder(profile),
            "claims": _claims(results_root()) if number >= LAST else {},
        }
    )


def explorer_key(profile: Profile) -> dict[str, Any]:
    """Return what decides the explorer's page: settings, and the library with its weights, pins and data manifest."""
    return {"profile": profile.model_dump(), "library": _library()}


def forget_written(profile: str, number: str) -> None:
    """Forget which result files a notebook wrote, before it runs again."""
    _ledger(profile, number).unlink(missing_ok=True)


def note_started(profile: str, number: str) -> None:
    """Note that a notebook has opened its session, and where: a run without this note wrote its results elsewhere."""
    ledger = _ledger(profile, number)
    with writable(ledger):
        ledger.parent.mkdir(parents=True, exist_ok=True)
        ledger.touch()


def note_written(profile: str, number: str, path: Path) -> None:
    """Note that a notebook wrote a result file."""
    ledger = _ledger(profile, number)
    with writable(ledger):
        ledger.parent.mkdir(parents=True, exist_ok=True)
        with open(ledger, "a") as stream:
            stream.write(path.resolve().relative_to(results_root()).as_posix() + "\n")


def record_run(profile: str, number: str, run: str, executed: Path) -> None:
    """Note the hash of a run that ended well, and the sha256 of its results, so that it counts as up to date.

    It notes nothing about a run whose kernel did not open its session here.
    """
    ledger = _ledger(profile, number)
    if not ledger.exists():
        return
    names = ledger.read_text().splitlines()
    files = {name: sha256_file(results_root() / name) for name in names}
    write_json(_record(profile, number), {"run": run, "executed": executed.name, "results": files})


def is_current(profile: str, number: str, run: str, executed: Path) -> bool:
    """Check that the last good run had this hash, and that its executed notebook and results are as it left them."""
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
    """Hash the library once per process, so that a file edited during a run does not change the hash half-way."""
    files = [*library_files(ROOT), ROOT / "constraints.txt", ROOT / "data_manifest.yaml"]
    return digest({path.relative_to(ROOT).as_posix(): sha256_file(path) for path in files if path.is_file()})


def library_files(root: Path) -> list[Path]:
    """Find the files of the library under `root/lib`: those that git tracks, and modules that it does not know yet.

    Without git these are all files but hidden ones, compiled ones, and the copies that editors keep.
    """
    found = {path for path in (root / "lib").rglob("*") if path.is_file()}
    tracked = {root / name for name in _tracked(root)}
    if root / "lib" / "__init__.py" in tracked:
        return sorted(path for path in found if path in tracked or path.suffix == ".py")
    parts = {path: path.relative_to(root).parts for path in found}
    return sorted(
        path
        for path in found
        if not any(part.startswith(".") or part == "__pycache__" for part in parts[path]) and path.name[-1] not in "~#"
    )


def _tracked(root: Path) -> list[str]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "lib"],  # noqa: S607  # wherever this machine keeps git
            cwd=root,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    return os.fsdecode(listed.stdout).split("\0")


def _folder(profile: Profile) -> str | None:
    if not profile.world.startswith("own-") or not profile.folder:
        return None
    folder = own_folder(profile)
    return state_of(sorted(path for path in folder.rglob("*") if path.is_file()), folder)


def _claims(results: Path) -> dict[str, str]:
    return {path.relative_to(results).as_posix(): sha256_file(path) for path in results.glob("*/claims/*.json")}


def _record(profile: str, number: str) -> Path:
    return runs_folder(profile) / f"{number}.json"


def _ledger(profile: str, number: str) -> Path:
    return runs_folder(profile) / f"{number}.written"
