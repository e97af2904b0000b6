"""Help, the doctor, and errors about what a user gave come before the imports that take seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from lib.base.files import ROOT

HEAVY = ("torch", "open_clip", "transformers", "timm", "pandas", "matplotlib", "seaborn", "papermill", "nbformat")

PROGRAM = """
import json, sys
from lib.run.cli import main
told = []
for command in json.loads(sys.argv[1]):
    before = set(sys.modules) if told else set()
    sys.argv = ["lib", *command]
    try:
        main()
    except SystemExit as stopped:
        told.append([stopped.code, [name for name in HEAVY if name in set(sys.modules) - before]])
print(json.dumps(told))
"""


def run(commands: list[list[str]]) -> list[list[Any]]:
    """Commands in one fresh process: the exit code of each, and what of `HEAVY` it imported."""
    program = f"HEAVY = {HEAVY}\n{PROGRAM}"
    answer = subprocess.run(
        [sys.executable, "-c", program, json.dumps(commands)], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


FINE = [
    "--help",
    "run --help",
    "search --help",
    "doctor",
    "doctor --profile own-arrays --set folder=EMPTY",
    "data list",
]

WRONG = [
    "run 99",
    "run 10 -p sead=1",
    "run 10 --set sae.step=1",
    "run --profile scene",
    "run --profile own-pictures --set folder=EMPTY",
    "run --profile own-arrays --set folder=EMPTY",
    "run --profile own-arrays --set folder=EMPTY/none",
    "notebooks 99",
    "grid EMPTY/none.yaml",
    "index EMPTY",
    "index EMPTY/none",
    "search EMPTY dog",
    "search EMPTY/none dog",
    "concepts EMPTY",
    "concepts EMPTY/none",
    "concepts EMPTY --words EMPTY/none",
    "embed --profile own-pictures --set folder=EMPTY",
    "train --profile own-pictures --set folder=EMPTY",
    "train --recipe topkk",
    "explorer page.html --profile own-arrays --set folder=EMPTY",
    "import EMPTY/none out",
    "export EMPTY/none out",
    "score rococco EMPTY",
    "score zero-shot EMPTY/none",
    "score pope EMPTY",
    "ask model EMPTY/none EMPTY answers.jsonl",
    "data fetch scene",
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What `run` gives of each line of `FINE` and `WRONG`."""
    empty = tmp_path_factory.mktemp("empty")
    lines = FINE + WRONG
    commands = [[word.replace("EMPTY", str(empty)) for word in line.split()] for line in lines]
    return dict(zip(lines, run(commands), strict=True))


@pytest.mark.parametrize("line", FINE)
def test_what_only_tells_imports_nothing_slow(line: str, told: dict[str, list[Any]]) -> None:
    assert told[line] == [0, []]


@pytest.mark.parametrize("line", WRONG)
def test_an_error_about_what_was_given_comes_first(line: str, told: dict[str, list[Any]]) -> None:
    assert told[line] == [2, []]


def test_a_slow_import_is_noticed() -> None:
    assert run([["claims", "--help"], ["claims"]]) == [[0, []], [0, ["pandas"]]]
