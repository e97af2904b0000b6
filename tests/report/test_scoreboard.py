from __future__ import annotations

import pytest

from lib.data.errors import CompanionError
from lib.report.claims import write_claim
from lib.report.scoreboard import scoreboard, scoreboard_markdown, scoreboard_text, totals
from tests.report.examples import example


@pytest.fixture
def board(tmp_path):
    write_claim(example(id="p1.C10", claim="C10", statement="A | B", verdict="not reproduced"), tmp_path / "scenes")
    write_claim(example(), tmp_path / "scenes")
    write_claim(example(verdict="partly"), tmp_path / "clip")
    return scoreboard(tmp_path)


def test_rows_are_claims_and_columns_are_profiles(board):
    assert list(board.index) == ["p1.C4", "p1.C10"]
    assert list(board.columns) == ["statement", "clip", "scenes"]
    assert board.loc["p1.C10"].tolist() == ["A | B", "", "not reproduced"]


def test_totals(board):
    assert totals(board) == [
        "clip: 0 reproduced, 1 partly, 0 not reproduced, 0 not testable here",
        "scenes: 1 reproduced, 0 partly, 1 not reproduced, 0 not testable here",
    ]


def test_text_is_aligned_and_ends_with_the_totals(board):
    lines = scoreboard_text(board).splitlines()
    assert lines[0] == "claim   clip    scenes          statement"
    assert lines[2] == "p1.C10          not reproduced  A | B"
    assert lines[-2:] == totals(board)


def test_markdown_escapes_bars(board):
    lines = scoreboard_markdown(board).splitlines()
    assert lines[1] == "| --- | --- | --- | --- |"
    assert lines[3] == r"| p1.C10 | A \| B | – | not reproduced |"


def test_no_results_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(CompanionError, match="make reproduce"):
        scoreboard(tmp_path)
