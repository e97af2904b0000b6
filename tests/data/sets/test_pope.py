"""POPE's published questions: small files by hand, and the real ones where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.data.sets.pope import answers_yes, read_pope


def test_questions(tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    path.write_text('{"question_id": 1, "image": "a.jpg", "text": "Is there a cat in the image?", "label": "no"}\n\n')
    assert [tuple(q) for q in read_pope(path)] == [("a.jpg", "Is there a cat in the image?", False)]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"image": "a", "text": "b", "label": "maybe"}', '{"image": 3, "text": "b", "label": "no"}']
)
def test_a_bad_line_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text(line)
    with pytest.raises(CompanionError, match=r"q.json, line 1"):
        read_pope(tmp_path / "q.json")


def test_missing_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    with pytest.raises(CompanionError, match="cannot read"):
        read_pope(tmp_path / "none")
    with pytest.raises(CompanionError, match="empty has no"):
        read_pope(tmp_path / "empty")


@pytest.mark.parametrize(
    ("answer", "yes"),
    [("Yes", True), ("No, there is not.", False), ("A cat. No dog", True), ("not", False), ("north", True)],
)
def test_answers(answer: str, yes: bool) -> None:
    assert answers_yes(answer) is yes


@pytest.mark.data
@pytest.mark.parametrize("negatives", ["random", "popular", "adversarial"])
def test_published_questions(negatives: str, data_root: Path) -> None:
    questions = read_pope(data_root / "text" / "pope" / f"coco_pope_{negatives}.json")
    assert len(questions) == 3000 and sum(q.yes for q in questions) == 1500
    assert len({q.image for q in questions}) == 500
