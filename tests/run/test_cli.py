from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import typer.main
from PIL import Image
from typer.testing import CliRunner

from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.report.claims import write_claim
from lib.run import batch, cli
from tests.conftest import Write
from tests.report.examples import example

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
    begin, *more = answer.output.splitlines()
    assert begin == "1 of 1 notebooks to run, about 60 s by their last runs"
    assert any(re.match(r"train    10: \d+ dictionaries \(.*topk.*\) +[\d.]+ (s|min|h), memory", line) for line in more)
    assert re.search("^10_x                         ran      in .* s  1 of 1$", answer.output, re.MULTILINE)
    assert "p1.C4" in answer.output
    assert f"results: {results}" in answer.output
    again = runner.invoke(cli.app, ["run", "10"]).output
    assert again.splitlines()[0] == "10_x                         current  nothing to do"
    assert "ran" in runner.invoke(cli.app, ["run", "10", "--force"]).output
    assert "ran" in runner.invoke(cli.app, ["run", "10", "--set", "sae.steps=3", "-p", "rate=2"]).output


def test_run_fails_if_a_notebook_failed(notebooks: Path, results: Path, no_kernel: list[str]) -> None:
    answer = runner.invoke(cli.app, ["run", "20", "10", "--jobs", "1"])
    assert answer.exit_code == 1
    assert "20_y: ValueError: broken" in answer.output
    assert no_kernel == ["10_x"]


def test_a_named_notebook_that_needs_more_rows_is_refused_before_any_runs(
    notebooks: Path, results: Path, no_kernel: list[str]
) -> None:
    small = ["--set", "splits.test=40"]
    answer = runner.invoke(cli.app, ["run", "20", "10", *small])
    assert isinstance(answer.exception, CompanionError)
    assert "needs at least 16 in train, 60 in test, and there are" in str(answer.exception)
    assert no_kernel == []
    assert runner.invoke(cli.app, ["run", "20", *small]).exit_code == 1  # notebook 20 has enough, and is broken


def test_what_cannot_be_estimated_stops_no_run(
    notebooks: Path, results: Path, no_kernel: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = runner.invoke(cli.app, ["run", "10", "--profile", "clip-small", "--set", "encoder=hf-hub:a/b"])
    assert "no estimate of the trainings: the size of hf-hub:a/b is known only once it is here" in answer.output
    assert answer.exit_code == 0 and no_kernel == ["10_x"]


def test_bad_input_is_one_line_and_exit_code_2() -> None:
    command = [sys.executable, "-m", "lib", "run", "--profile", "scene"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: there is no profile 'scene'; known: atoms, caltech-b32, ")
    assert answer.stdout == ""


@pytest.mark.parametrize(
    "command",
    [
        "import none out",
        "export none out",
        "score rococco none",
        "score zero-shot none",
        "score pope none --answers none",
        "score chair none",
        "ask none none none answers.jsonl",
    ],
)
def test_a_wrong_file_is_one_line_and_exit_code_2(
    command: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lib", *command.split()])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    said = capsys.readouterr()
    assert stopped.value.code == 2 and said.out == ""
    assert said.err.startswith("error: ") and said.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] in ([], ["cache"])


COMMANDS = [
    *(name for name in typer.main.get_group(cli.app).commands if name != "data"),
    *(f"data {name}" for name in typer.main.get_group(cli.data).commands),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example(command: str) -> None:
    said = " ".join(runner.invoke(cli.app, [*command.split(), "--help"]).output.split())
    assert f"python -m lib {command}" in said.partition("Example")[2]


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


def stopped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, str]:
    """The exit code of a command, and its one line of error."""
    monkeypatch.setattr(sys, "argv", ["lib", *command])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    assert said.err.startswith("error: ") and said.err.count("\n") == 1, said.err
    return int(end.value.code or 0), said.err


@pytest.mark.parametrize("command", ["run 10", "run 10 --dry-run", "embed", "train"])
@pytest.mark.parametrize("profile", ["own-arrays", "own-pictures"])
def test_a_named_folder_that_is_missing_is_exit_code_2(
    command: str, profile: str, tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    code, line = stopped(monkeypatch, capsys, *command.split(), "--profile", profile, "--set", "folder=mistyped")
    assert code == 2 and "mistyped: no such folder" in line


def test_a_grid_over_a_folder_that_is_missing(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "g.yaml").write_text(f"notebooks: [10]\nset: {{folder: [{tmp_path / 'gone'}]}}")
    code, line = stopped(monkeypatch, capsys, "grid", str(tmp_path / "g.yaml"), "--profile", "own-arrays")
    assert code == 2 and "gone: no such folder" in line


def test_a_target_is_checked_before_anything_is_made(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("lib.apps.explorer.explorer_file.write_explorer", lambda *_: pytest.fail("it was made"))
    (tmp_path / "file").write_text("x")
    for target, says in (
        (tmp_path, "is a folder; name a file"),
        (tmp_path / "file" / "x.html", "is a file; "),
    ):
        code, line = stopped(monkeypatch, capsys, "explorer", str(target))
        assert code == 2 and says in line


@pytest.mark.parametrize(
    "command",
    [
        "site TARGET",
        "reference TARGET",
        "classroom TARGET",
        "import SOURCE TARGET",
        "export SOURCE TARGET",
        "ask model SOURCE/questions SOURCE TARGET/answers.jsonl",
        "search SOURCE dog --html TARGET/sheet.html",
    ],
)
def test_every_target_is_checked_before_the_work(
    command: str, tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """A target below a file, in the home folder and in quotes: no command writes a folder called `~`."""
    source = tmp_path / "source"
    source.mkdir()
    Image.new("RGB", (8, 8)).save(source / "a.png")
    (source / "questions").write_text("{}")
    (tmp_path / "file").write_text("x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    words = [word.replace("SOURCE", "~/source").replace("TARGET", "~/file/here") for word in command.split()]
    code, line = stopped(monkeypatch, capsys, *words)
    assert code == 2 and f"{tmp_path / 'file'} is a file; name a folder" in line
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("command", ["site", "classroom", "explorer", "index"])
def test_an_empty_name_is_refused(
    command: str, tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lib", command, ""])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2 and "the name is empty; give a file or folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_profile_as_a_parameter_is_refused(
    notebooks: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    code, line = stopped(monkeypatch, capsys, "run", "10", "-p", "profile=photos", "--set", "sae.k=2", "--dry-run")
    assert code == 2 and "would ignore --set; use --profile instead" in line


def test_an_error_that_nobody_foresaw_is_one_line_with_a_report(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def fail() -> None:
        raise IndexError("index 50\nis out of bounds")

    monkeypatch.setattr("lib.report.scoreboard.scoreboard", lambda *_: fail())
    code, line = stopped(monkeypatch, capsys, "claims")
    report = cache / "runs" / "traceback.txt"
    assert code == 1 and line.startswith(
        "error: IndexError: index 50 is out of bounds (this is a fault of the companion"
    )
    assert str(report) in line and "in fail" in report.read_text()
    (cache / "runs" / "traceback.txt").unlink()
    (cache / "runs").rmdir()
    (cache / "runs").write_text("in the way")
    assert stopped(monkeypatch, capsys, "claims") == (1, "error: IndexError: index 50 is out of bounds\n")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 7.28 TiB for an array with shape (1000000, 1000000)"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes."),
        RuntimeError("Storage size calculation overflowed with sizes=[4611686018427387904, 8]"),
        TypeError("zeros(): argument 'size' failed to unpack: Overflow when unpacking long long"),
        torch.OutOfMemoryError("CUDA out of memory."),
    ],
)
def test_sizes_that_memory_does_not_hold_are_exit_code_2(
    error: Exception, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("lib.report.scoreboard.scoreboard", fail)
    code, line = stopped(monkeypatch, capsys, "claims")
    assert (
        code == 2 and line == "error: this machine has too little memory for such sizes; take fewer rows or latents\n"
    )


@pytest.mark.parametrize("command", ["concepts FOLDER", "index FOLDER", "search FOLDER dog", "score zero-shot FOLDER"])
def test_an_empty_model_is_refused(command: str, tmp_path: Path, results: Path) -> None:
    """A variable that is not set, in quotes, does not pass for the encoder of the profile."""
    words = [word.replace("FOLDER", str(tmp_path)) for word in command.split()]
    for name in ("", "  "):
        answer = runner.invoke(cli.app, [*words, "--encoder", name])
        assert answer.exit_code == 2 and "the name is empty; give a model" in " ".join(answer.output.split())


@pytest.mark.parametrize("part", ["encoder", "judge"])
def test_a_named_model_that_is_missing_is_exit_code_2(
    part: str, tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    for name in ("ViT-B-32", "openai/clip-vit-base-patch32", "models/gone"):
        given = ("--set", f"folder={tmp_path}", "--set", f"{part}={name}")
        code, line = stopped(monkeypatch, capsys, "run", "10", "--profile", "own-pictures", *given)
        assert code == 2 and f"{part} '{name}': neither a folder nor a shipped model" in line
