"""A reader's guesses: silent without one, noted and compared with what was found, and never of another run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.report.guesses import Guesses
from tests.report.examples import evidence, example


@pytest.fixture
def guesses(tmp_path: Path) -> Guesses:
    return Guesses(tmp_path / "runs" / "10_x.json")


def test_a_guess_is_shown_beside_what_was_found(guesses: Guesses, capsys: pytest.CaptureFixture[str]) -> None:
    guesses.note("p1.C4", " a rise of 0.1 ")
    guesses.compare(example(), "scenes")
    guesses.compare(example(evidence(score=[0.01, 0.02, 0.03])), "photos")
    guesses.compare(example(evidence(score="no judge")), "sounds")
    found = {
        "scenes": "reproduced, score 0.12 [0.0952, 0.145]",
        "photos": "no effect seen, score 0.02 [-0.00484, 0.0448]",
        "sounds": "not testable here",
    }
    lines = [f"you guessed: a rise of 0.1; found: {one}" for one in found.values()]
    assert capsys.readouterr().out.splitlines() == ["noted for p1.C4: a rise of 0.1", *lines]
    assert json.loads(guesses.path.read_text()) == {"p1.C4": {"guess": "a rise of 0.1", **found}}


def test_without_a_guess_nothing_is_said_and_no_file_is_written(
    guesses: Guesses, capsys: pytest.CaptureFixture[str]
) -> None:
    guesses.note("p1.C4", "")
    guesses.compare(example(), "scenes")
    assert capsys.readouterr().out == "" and not guesses.path.exists()


def test_an_empty_guess_takes_back_an_earlier_one(guesses: Guesses, capsys: pytest.CaptureFixture[str]) -> None:
    guesses.note("p1.C4", "less")
    guesses.note("p1.C4", " ")
    guesses.compare(example(), "scenes")
    assert capsys.readouterr().out == "noted for p1.C4: less\n"


def test_another_run_does_not_show_it(guesses: Guesses, capsys: pytest.CaptureFixture[str]) -> None:
    guesses.note("p1.C4", "less")
    Guesses(guesses.path).compare(example(), "scenes")
    assert capsys.readouterr().out == "noted for p1.C4: less\n"


def test_a_guess_needs_a_registered_claim(guesses: Guesses) -> None:
    with pytest.raises(CompanionError, match=r"claim p1\.C99 is in no register"):
        guesses.note("p1.C99", "more")
