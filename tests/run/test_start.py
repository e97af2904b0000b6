from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch

import lib
from lib.data.errors import CompanionError, NotAvailable
from lib.data.files import ROOT
from tests.report.examples import example


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Path:
    monkeypatch.setenv("COMPANION_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


def test_a_session_and_its_line(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = lib.start("10_monosemanticity", "scenes", seeds=2, device="cpu")
    name = session.profile.name
    assert capsys.readouterr().out == f"companion · notebook 10 · profile {name} · seeds 0 1 · device: cpu\n"
    assert name.startswith("scenes~")
    assert (session.seeds, session.device, session.results) == ([0, 1], "cpu", results / name)


def test_results_are_written_and_noted(results: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = example()
    session = lib.start(claim.notebook, "scenes")
    session.claim(claim)
    session.table("curve", pd.DataFrame({"x": [1, 2], "y": [0.1, 0.25]}), decimals=2)
    fig, ax = plt.subplots()
    ax.plot([1, 2], [0.1, 0.25])
    session.figure(fig, "curve")
    session.pictures(fig, "again", table="curve")
    monkeypatch.setattr(type(session.world), "keeps_pictures", False)
    session.pictures(fig, "not ours", table="curve")
    plt.close(fig)
    written = ["claims/p1.C4.json", "curve.csv", "curve.png", "again.png"]
    assert all((results / "scenes" / name).is_file() for name in written)
    noted = (cache / "runs" / "scenes" / f"{claim.notebook[:2]}.written").read_text().split()
    assert noted == [f"scenes/{name}" for name in written]
    assert not (results / "scenes" / "not ours.png").exists()


def test_a_claim_of_another_notebook_is_refused(results: Path) -> None:
    session = lib.start("20_other", "scenes")
    with pytest.raises(CompanionError, match=r"claim p1\.C4 names notebook '.*', but this one is '20_other'"):
        session.claim(example())


def test_devices(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CompanionError, match="device 'gpu' is not one of auto, cpu, cuda"):
        lib.start("10_x", "scenes", device="gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NotAvailable, match="device cuda: torch sees no GPU here"):
        lib.start("10_x", "scenes", device="cuda")
    assert lib.start("10_x", "scenes device=auto").device == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert lib.start("10_x", "scenes device=auto").device == "cuda"
    assert lib.start("10_x", "scenes").device == "cpu"  # the profile says so


def test_importing_lib_is_cheap() -> None:
    code = "import sys, lib; sys.exit(bool({'torch', 'numpy', 'lib.run'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    with pytest.raises(AttributeError, match="module 'lib' has no attribute 'stop'"):
        lib.stop  # noqa: B018
