"""The folders of a run are the same from every working directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lib.base.files import cache_root
from lib.base.places import data_root, fix_places, results_root


def test_places_stay_where_they_were_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in (("CACHE", "cache"), ("RESULTS", "~/out"), ("DATA", "./data")):
        monkeypatch.setenv(f"COMPANION_{name}", value)
    fix_places()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert (cache_root(), results_root(), data_root()) == (tmp_path / "cache", tmp_path / "out", tmp_path / "data")
    fix_places()
    assert os.environ["COMPANION_RESULTS"] == str(tmp_path / "out")
    monkeypatch.setenv("COMPANION_DATA", "")
    fix_places()
    assert data_root() is None
