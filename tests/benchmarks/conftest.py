"""Keep peers and the repository's results folder out of the tests, which thus run the same everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import contender


@pytest.fixture(autouse=True)
def _no_peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contender, "PEERS_PYTHON", tmp_path / "no-python")
