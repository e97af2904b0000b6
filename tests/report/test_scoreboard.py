from __future__ import annotations

from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.report.claims import write_claim
from lib.report.register import spec_of
from lib.report.scoreboard import papers, scoreboard, scoreboard_markdown, scoreboard_text, totals
from tests.report.examples import evidence, example


@pytest.fixture
def results(tmp_path: Path) -> Path:
    whole, part = example(), example(evidence(r2=[0.1, 0.2, 0.3]))
    write_claim(whole, tmp_path / "scenes")
    write_claim(part.model_copy(update={"id": "p1.C10"}), tmp_path / "scenes")
    write_claim(part, tmp_path / "photos")
    (tmp_path / "empty" / "claims").mkdir(parents=True)
    return tmp_path


def test_a_row_per_claim_and_a_column_per_world(results: Path) -> None:
    board = scoreboard(results)
    assert list(board.columns) == ["statement", "empty", "photos", "scenes", "so"]
    assert list(board.index) == ["p1.C4", "p1.C10"]
    assert board.loc["p1.C4"].tolist()[1:4] == ["", "partly (1 of 2)", "reproduced"]
    assert board.loc["p1.C10", "statement"] == spec_of("p1.C10").statement
    assert totals(board) == ["empty: ", "photos: 1 partly", "scenes: 1 reproduced, 1 partly"]


def test_text_and_markdown_hold_every_cell(results: Path) -> None:
    board = scoreboard(results)
    text = scoreboard_text(board)
    assert "p1.C4   partly (1 of 2)  reproduced" in text and text.endswith("scenes: 1 reproduced, 1 partly")
    markdown = scoreboard_markdown(board)
    assert markdown.splitlines()[:3] == ["### Paper 1", "", "| claim | statement | photos | scenes | so |"]
    assert f"| partly (1 of 2) | reproduced | {spec_of('p1.C4').so} |" in markdown
    assert f"| – | partly (1 of 2) | {spec_of('p1.C10').so} |" in markdown


def test_papers_are_apart_with_their_own_worlds(results: Path) -> None:
    write_claim(example().model_copy(update={"id": "p3.C2"}), results / "clip-arrays")
    board = scoreboard(results)
    assert [(number, list(mine.index)) for number, mine in papers(board)] == [(1, ["p1.C4", "p1.C10"]), (3, ["p3.C2"])]
    assert list(papers(board)[1][1].columns) == ["statement", "clip-arrays", "so"]
    assert "### Paper 3\n\n| claim | statement | clip-arrays | so |" in scoreboard_markdown(board)
    assert "- p3.C2: only one published model decides it: CLIP ViT-B/16 reproduced" in scoreboard_markdown(board)
    assert "- p1.C4:" not in scoreboard_markdown(board)
    assert "\n\nclaim  clip-arrays  statement\np3.C2  reproduced   " in scoreboard_text(board)


def test_without_claims_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match="run `make reproduce` first"):
        scoreboard(tmp_path)
