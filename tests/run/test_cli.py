from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lib.data.files import ROOT
from lib.report.claims import write_claim
from lib.run import batch, cli
from lib.run.doctor import doctor
from tests.report.examples import example
from tests.run.conftest import Write

runner = CliRunner()


@pytest.fixture
def notebooks(write: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write("10_x", "1").parent
    write("20_y", "raise ValueError('broken')")
    monkeypatch.setitem(batch.plan.__kwdefaults__, "notebooks", folder)
    return folder


def test_run_tells_each_notebook_and_the_scoreboard(notebooks: Path, results: Path, no_kernel: list[str]) -> None:
    write_claim(example(), results / "scenes")
    answer = runner.invoke(cli.app, ["run", "10"])
    assert answer.exit_code == 0
    assert "10_x                         ran" in answer.output
    assert "p1.C4" in answer.output
    assert f"results: {results}" in answer.output
    assert "nothing to do" in runner.invoke(cli.app, ["run", "10"]).output
    assert "ran" in runner.invoke(cli.app, ["run", "10", "--force"]).output
    assert "ran" in runner.invoke(cli.app, ["run", "10", "--set", "sae.steps=3", "-p", "rate=2"]).output


def test_run_fails_if_a_notebook_failed(notebooks: Path, results: Path, no_kernel: list[str]) -> None:
    answer = runner.invoke(cli.app, ["run", "20", "10"])
    assert answer.exit_code == 1
    assert "20_y: ValueError: broken" in answer.output
    assert no_kernel == ["10_x"]


def test_bad_input_is_one_line_and_exit_code_2() -> None:
    command = [sys.executable, "-m", "lib", "run", "--profile", "scene"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: there is no profile 'scene'; known: clip-arrays, ")
    assert answer.stdout == ""


def test_data_commands(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    listed = runner.invoke(cli.app, ["data", "list"]).output
    assert "clip-arrays" in listed
    assert "made on this machine" in listed
    assert "missing     clip-arrays/coco500" in runner.invoke(cli.app, ["data", "verify", "clip-arrays"]).output
    wrong = cache / "data" / "clip-arrays" / "coco500-vitb16" / "features_clip.npy"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("not these bytes")
    answer = runner.invoke(cli.app, ["data", "verify"])
    assert answer.exit_code == 1
    assert "wrong       clip-arrays/coco500" in answer.output


def test_doctor_says_what_can_run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    lines = list(doctor("scenes"))
    assert "  10  can run" in lines
    state = "not here, 2.0 MiB; fetched when needed, or now by `python -m lib data fetch clip-arrays`"
    assert f"  clip-arrays          {state}" in lines and "  03  needs clip-arrays" in lines
    assert any(line.startswith("torch        2.13.0") for line in lines)


def own_lines(profile: str, *overrides: str) -> list[str]:
    """What the doctor says after the list of data sets."""
    lines = list(doctor(profile, overrides))
    return lines[1 + max(i for i, line in enumerate(lines) if line.startswith("  imagenet-hierarchy")) :]


def test_doctor_says_what_a_profile_lacks(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    monkeypatch.setattr("lib.run.doctor.try_to_load_from_cache", lambda *_: None)
    folder, encoder, judge, _, notebook = own_lines("paper-1")
    assert folder.startswith(f"folder       {tmp_path}/imagenet/train: no such folder; --set folder=")
    assert "1,281,167 rows" in folder and "profiles/paper-1.yaml" in folder
    assert encoder.startswith(
        "encoder      ViT-L-14-336 openai: not here, 1,632 MiB; fetched when needed, or now by `hf "
    )
    assert judge.startswith("judge        ViT-B-32 openai: not here, 577 MiB")
    assert notebook == "  10  needs folder, encoder, judge"
    assert own_lines("clip-small")[2:4] == ["  10  needs flickr8k, encoder", "  20  needs flickr8k, encoder"]
    assert own_lines("own-pictures")[2] == "judge        none is named; --set judge=MODEL names one"


def test_doctor_takes_settings(cache: Path, tmp_path: Path) -> None:
    given = [f"folder={tmp_path}", "encoder=scenes-clip", "judge=scenes-clip"]
    assert own_lines("own-pictures", *given)[-1] == "  10  can run"
    assert own_lines("paper-4", *given[:2])[-1] == "  41  can run"
    assert "no such folder" in own_lines("paper-4", given[0], "encoder=nothing")[1]


@pytest.mark.data
def test_doctor_finds_real_files(cache: Path, data_root: Path) -> None:
    assert "  03  can run" in list(doctor("scenes"))
