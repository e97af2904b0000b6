"""What a run depends on: tracked files of the library, a user's folder, and where the kernel wrote."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lib.base.files import ROOT
from lib.worlds.freshness import is_current, library_files, note_started, record_run, run_digest
from lib.worlds.profiles import load_profile
from tests.data.formats.files import put

JUNK = {"lib/.DS_Store": "x", "lib/sae/train.py~": "x", "lib/#notes#": "x", "lib/__pycache__/a.pyc": "x"}
LIBRARY = {"lib/__init__.py": "", "lib/sae/train.py": "x = 1", "lib/words.txt": "a"}


def names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in library_files(root)]


def test_the_library_is_what_git_tracks_and_new_modules(tmp_path: Path) -> None:
    put(tmp_path, {**LIBRARY, **JUNK})
    assert names(tmp_path) == sorted(LIBRARY)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    assert names(tmp_path) == sorted(LIBRARY), "nothing is tracked yet"
    subprocess.run([*git, "add", "lib/__init__.py", "lib/sae/train.py"], cwd=tmp_path, check=True)
    put(tmp_path, {"lib/new.py": "", "lib/draft.txt": ""})
    assert names(tmp_path) == ["lib/__init__.py", "lib/new.py", "lib/sae/train.py"]
    assert {"lib/run/cli.py", "lib/data/everyday_words.txt"} < set(names(ROOT))


def test_a_run_on_a_users_folder_depends_on_its_files(tmp_path: Path, cache: Path) -> None:
    np.save(tmp_path / "image.npy", np.ones((2, 2)))
    profile = load_profile("own-arrays", [f"folder={tmp_path}"])
    before = run_digest([], "10", {}, profile)
    assert run_digest([], "10", {}, profile) == before
    os.utime(tmp_path / "image.npy", ns=(1, 1))
    changed = run_digest([], "10", {}, profile)
    put(tmp_path, {"ids.txt": "a"})
    assert len({before, changed, run_digest([], "10", {}, profile)}) == 3


def test_a_run_that_left_no_note_here_is_not_current(tmp_path: Path, results: Path) -> None:
    executed = put(tmp_path, {"10_x.ipynb": "{}"}) / "10_x.ipynb"
    record_run("scenes", "10", "digest", executed)
    assert not is_current("scenes", "10", "digest", executed)
    note_started("scenes", "10")
    record_run("scenes", "10", "digest", executed)
    assert is_current("scenes", "10", "digest", executed)


@pytest.mark.parametrize("missing", ["git", "repository"])
def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    put(tmp_path, {**LIBRARY, **JUNK})
    if missing == "git":
        monkeypatch.setenv("PATH", str(tmp_path))
    assert names(tmp_path) == sorted(LIBRARY)
