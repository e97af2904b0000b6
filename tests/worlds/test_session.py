from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch

import lib
from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import ROOT
from lib.base.workers import Workers
from lib.report.claims import read_claims
from lib.report.evidence import not_measured
from lib.report.register import spec_of
from tests.data.formats.files import put


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


def test_the_line_names_the_library_where_the_notebook_lies_elsewhere(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT / "notebooks")
    lib.start("10_x", "scenes", device="cpu")
    monkeypatch.chdir(tmp_path)
    lib.start("10_x", "scenes", device="cpu")
    inside, outside = capsys.readouterr().out.splitlines()
    assert outside == f"{inside} · library: {ROOT}"
    put(tmp_path / "clone", {"lib/worlds/session.py": "", "notebooks/10_x.ipynb": "{}"})
    monkeypatch.chdir(tmp_path / "clone" / "notebooks")
    with pytest.raises(CompanionError, match=r"this notebook is of .*clone, and its kernel runs the library of"):
        lib.start("10_x", "scenes", device="cpu")


def test_results_are_written_and_noted(
    results: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = lib.start("11_hierarchy", "scenes")
    session.claim(not_measured("p1.C4", "no judge"))
    session.claim(not_measured("p1.C5", "no judge"), column="controlled")
    said = capsys.readouterr().out
    assert f"p1.C4 · not testable here · {spec_of('p1.C4').statement}\n" in said
    assert f"p1.C5 (controlled) · not testable here · {spec_of('p1.C5').statement}\n" in said
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
    assert read_claims(results / "controlled")[0].notebook == "11_hierarchy"
    noted = (cache / "runs" / "scenes" / "11.written").read_text().split()
    assert noted == ["scenes/claims/p1.C4.json", "controlled/claims/p1.C5.json", *(f"scenes/{n}" for n in written[1:])]
    assert not (results / "scenes" / "not ours.png").exists()


def test_a_guess_is_noted_beside_the_runs_and_shown_with_the_verdict(
    results: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = lib.start("11_hierarchy", "scenes")
    session.guess("p1.C4", "")
    session.claim(not_measured("p1.C4", "no judge"))
    assert "guess" not in capsys.readouterr().out
    session.guess("p1.C4", "cleaner")
    session.claim(not_measured("p1.C4", "no judge"), column="controlled")
    assert "\nyou guessed: cleaner; found: not testable here\n" in capsys.readouterr().out
    noted = json.loads((cache / "runs" / "scenes" / "guesses" / "11_hierarchy.json").read_text())
    assert noted == {"p1.C4": {"guess": "cleaner", "controlled": "not testable here"}}
    assert not list(results.rglob("*guess*"))


def test_devices(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CompanionError, match="device 'gpu' is not one of auto, cpu, cuda"):
        lib.start("10_x", "scenes", device="gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NotAvailable, match="device cuda: torch sees no GPU here"):
        lib.start("10_x", "scenes", device="cuda")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    on_cpu = lib.start("10_x", "scenes device=auto")
    assert (on_cpu.device, on_cpu.workers) == ("cpu", Workers(3))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    on_gpu = lib.start("10_x", "scenes device=auto")
    assert (on_gpu.device, on_gpu.workers) == ("cuda", Workers(1))
    assert lib.start("10_x", "scenes").device == "cpu"  # the profile says so


def test_a_session_imports_no_encoder_before_its_world_is_asked_for() -> None:
    late = {"open_clip", "transformers", "lib.worlds.world", "lib.worlds.open_world"}
    code = f"import sys, lib.worlds.session; sys.exit(bool({late} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_papers_import_open_clip_only_when_a_model_is_loaded() -> None:
    code = "import sys, lib.papers.p4.editors, lib.papers.p2.two_tower_gap, lib.papers.p3.pair_dictionaries"
    code += "; sys.exit(bool({'open_clip', 'torchvision'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_importing_lib_is_cheap() -> None:
    code = "import sys, lib; sys.exit(bool({'torch', 'numpy', 'lib.run'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    with pytest.raises(AttributeError, match="module 'lib' has no attribute 'stop'"):
        lib.stop  # noqa: B018
