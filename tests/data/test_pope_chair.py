"""Published questions and synonyms: small files by hand, and the real ones where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.data.chair import read_chair, singular
from lib.data.errors import CompanionError
from lib.data.pope import NEGATIVES, answers_yes, read_pope


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
    for read in (read_pope, read_chair):
        with pytest.raises(CompanionError, match="cannot read"):
            read(tmp_path / "none")
        with pytest.raises(CompanionError, match="empty holds no"):
            read(tmp_path / "empty")


@pytest.mark.parametrize(
    ("answer", "yes"),
    [("Yes", True), ("No, there is not.", False), ("A cat. No dog", True), ("not", False), ("north", True)],
)
def test_answers(answer: str, yes: bool) -> None:
    assert answers_yes(answer) is yes


def test_mentions(tmp_path: Path) -> None:
    path = tmp_path / "synonyms.txt"
    path.write_text("person, man, baby, people\ndog, puppy\nhot dog\nelephant\ntrain\ntoilet\nwine glass\nknife\n")
    chair = read_chair(path)
    assert chair.mentions("Two men with hot dogs and a puppy, near a dog.") == ["person", "hot dog", "dog", "dog"]
    assert chair.mentions("a baby elephant on train tracks") == ["elephant"]
    assert chair.mentions("the toilet seat, wine glasses and knives") == ["toilet", "wine glass", "knife"]
    assert chair.mentions("nothing here") == []


def test_singulars() -> None:
    words = {"cats": "cat", "boxes": "box", "buses": "bus", "bus": "bus", "glasses": "glass", "puppies": "puppy"}
    assert {word: singular(word) for word in words} == words


@pytest.mark.data
@pytest.mark.parametrize("negatives", NEGATIVES)
def test_published_questions(negatives: str, data_root: Path) -> None:
    questions = read_pope(data_root / "text" / "pope" / f"coco_pope_{negatives}.json")
    assert len(questions) == 3000 and sum(q.yes for q in questions) == 1500
    assert len({q.image for q in questions}) == 500


@pytest.mark.data
def test_published_synonyms(data_root: Path) -> None:
    chair = read_chair(data_root / "text" / "chair" / "synonyms.txt")
    assert len(chair.categories) == 80
    assert all(chair.mentions(f"a {name}") == [name] for name in chair.categories)
    assert chair.mentions("A man riding a motor bike past two hot dog stands") == ["person", "motorcycle", "hot dog"]
