"""No peers and no results folder of the repository: tests run the same wherever they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import contender


@pytest.fixture(autouse=True)
def _no_peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contender, "PEERS_PYTHON", tmp_path / "no-python")
