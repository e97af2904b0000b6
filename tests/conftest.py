"""Fixtures for all tests, and settings that make them the same on every run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")

# The same examples on every run, and no limit on time: a slow machine fails no test.
settings.register_profile("companion", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("companion")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real files, `COMPANION_DATA`."""
    root = os.environ.get("COMPANION_DATA")
    if not root:
        pytest.skip("COMPANION_DATA is not set: no real files to test on")
    return Path(root).expanduser().resolve()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, in use for one test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("COMPANION_CACHE", str(folder))
    return folder
