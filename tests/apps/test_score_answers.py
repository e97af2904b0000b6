"""POPE and CHAIR on a few answers, counted by hand; a malformed line is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.apps import score_answers
from lib.apps.score_answers import read_answers, score_chair, score_pope
from lib.base.errors import CompanionError

QUESTIONS = [("a.jpg", "Is there a cat?", "yes"), ("a.jpg", "Is there a dog?", "no")]
QUESTIONS += [("b.jpg", "Is there a cat?", "no"), ("b.jpg", "Is there a dog?", "yes")]


def lines(path: Path, records: list[object]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def questions(folder: Path) -> Path:
    return lines(
        folder / "pope.json", [{"image": image, "text": text, "label": label} for image, text, label in QUESTIONS]
    )


def answered(folder: Path, answers: list[str], **more: str) -> Path:
    records = [{"image": q[0], "answer": one, **more} for q, one in zip(QUESTIONS, answers, strict=True)]
    return lines(folder / "answers.jsonl", records)


def test_pope(tmp_path: Path) -> None:
    said = answered(tmp_path, ["Yes, one.", "Yes", "No, there is not.", "no"])
    (row,) = score_pope(said, questions(tmp_path)).to_dict("records")
    assert row["n"] == 4 and row["accuracy"] == 50 and row["yes"] == 50
    assert row["precision"] == 50 and row["recall"] == 50 and row["F1"] == 50
    assert 0 <= row["low"] < 50 < row["high"] <= 100
    (row,) = score_pope(answered(tmp_path, ["yes", "no", "no", "yes"]), questions(tmp_path)).to_dict("records")
    assert (row["accuracy"], row["low"], row["high"], row["F1"]) == (100, 100, 100, 100)


def test_pope_asks_for_an_answer_to_each_question(tmp_path: Path) -> None:
    said = answered(tmp_path, ["yes"] * 4, text="Is there a cat?")
    with pytest.raises(CompanionError, match=r"answers\.jsonl, line 2 answers another question than pope\.json"):
        score_pope(said, questions(tmp_path))
    lines(said, [{"image": "b.jpg", "answer": "yes"}] * 4)
    with pytest.raises(CompanionError, match=r"answers\.jsonl, line 1 answers another question"):
        score_pope(said, questions(tmp_path))
    lines(said, [{"image": "a.jpg", "answer": "yes"}])
    with pytest.raises(CompanionError, match=r"answers\.jsonl has 1 answers and pope\.json 4 questions"):
        score_pope(said, questions(tmp_path))


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"answer": "yes"}, "line 1: no field 'image'"),
        ({"image": "a.jpg"}, "line 1: no field 'answer'"),
        ({"image": "a.jpg", "answer": 3}, "'answer' is of type int"),
        ({"image": "a.jpg", "answer": "yes", "text": 3}, "'text' is of type int"),
        ([], "line 1: no field 'image'"),
    ],
)
def test_a_bad_line_is_named(record: object, says: str, tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=says):
        read_answers(lines(tmp_path / "answers.jsonl", [record]))


@pytest.fixture
def coco(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """COCO's annotations of two pictures: a cat in the first by its captions, a dog in the second by both."""
    synonyms = tmp_path / "synonyms.txt"
    synonyms.write_text("cat, kitten\ndog, puppy\ntv, television\n")
    monkeypatch.setattr(score_answers, "locate", lambda *_: synonyms)
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
    captions = [{"id": i, "image_id": i, "caption": text} for i, text in ((1, "A kitten."), (2, "A puppy and sky."))]
    kinds = [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}, {"id": 72, "name": "tv"}]
    objects = [
        {"image_id": 2, "category_id": 18},
        {"image_id": 2, "category_id": 18},
        {"image_id": 1, "category_id": 72},
    ]
    folder = tmp_path / "coco" / "annotations"
    folder.mkdir(parents=True)
    (folder / "captions_val2014.json").write_text(json.dumps({"images": images, "annotations": captions}))
    (folder / "instances_val2014.json").write_text(
        json.dumps({"images": images, "annotations": objects, "categories": kinds})
    )
    return folder.parent


def test_chair(coco: Path, tmp_path: Path) -> None:
    said = [
        {"image": "a.jpg", "answer": "A cat in front of a television and a dog."},
        {"image": "b.jpg", "answer": "A puppy."},
    ]
    (row,) = score_chair(lines(tmp_path / "answers.jsonl", said), coco).to_dict("records")
    assert row["n"] == 2 and row["CHAIR_i"] == 25 and row["CHAIR_s"] == 50 and row["recall"] == 100
    assert row["objects"] == 2 and row["low"] <= 25 <= row["high"]


def test_chair_knows_its_pictures_only(coco: Path, tmp_path: Path) -> None:
    said = lines(tmp_path / "answers.jsonl", [{"image": "c.jpg", "answer": "A dog."}])
    with pytest.raises(CompanionError, match=r"answers\.jsonl, line 1: picture c\.jpg is not one of val2014"):
        score_chair(said, coco)
    with pytest.raises(CompanionError, match=r"captions_val2014\.json: no such file"):
        score_chair(said, tmp_path)
