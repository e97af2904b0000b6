"""A tiny Qwen2-VL is asked about two pictures, and POPE scores what it said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from lib.apps.ask_llm import LONGEST, ask_llm
from lib.base.errors import CompanionError
from lib.encoders.load_llm import load_llm
from lib.run import cli
from tests.encoders import tiny_qwen2_vl

runner = CliRunner()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qwen2_vl.save(tmp_path_factory.mktemp("qwen"))


def asked(folder: Path) -> tuple[Path, Path]:
    """A file of questions, two about one picture, and the folder of pictures."""
    (folder / "pictures").mkdir()
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (32, 24), colour).save(folder / "pictures" / name)
    records = [("a.png", "Is there a cat?", "yes"), ("b.png", "Is there a dog?", "no"), ("a.png", "A tree?", "no")]
    path = folder / "questions.json"
    path.write_text(
        "\n".join(json.dumps({"image": image, "text": text, "label": label}) for image, text, label in records)
    )
    return path, folder / "pictures"


def test_answers_are_those_of_the_model_in_the_order_of_the_questions(model: Path, tmp_path: Path) -> None:
    questions, pictures = asked(tmp_path)
    answers = tmp_path / "answers.jsonl"
    said = runner.invoke(cli.app, ["ask", str(model), str(questions), str(pictures), str(answers)])
    assert said.exit_code == 0 and "answered 3 questions about 2 pictures; wrote" in said.output
    records = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [(one["image"], one["text"]) for one in records] == [
        ("a.png", "Is there a cat?"),
        ("b.png", "Is there a dog?"),
        ("a.png", "A tree?"),
    ]
    images = [Image.open(pictures / one["image"]) for one in records]
    expected = load_llm(model).generate(images, [one["text"] for one in records], LONGEST)
    assert [one["answer"] for one in records] == expected
    scored = runner.invoke(cli.app, ["score", "pope", str(questions), "--answers", str(answers)])
    assert scored.exit_code == 0 and "accuracy" in scored.output


def test_what_cannot_be_asked(model: Path, tmp_path: Path) -> None:
    questions, pictures = asked(tmp_path)
    answers = tmp_path / "answers.jsonl"
    (pictures / "b.png").unlink()
    with pytest.raises(CompanionError, match=r"1 of 2 pictures are missing, first b\.png"):
        ask_llm(str(model), questions, pictures, answers)
    with pytest.raises(CompanionError, match=r"none\.json: no such file"):
        ask_llm(str(model), tmp_path / "none.json", pictures, answers)
    answers.write_text("")
    with pytest.raises(CompanionError, match=r"answers\.jsonl exists already; name another file"):
        ask_llm(str(model), questions, pictures, answers)
    questions.write_text('{"image": "a.png"}')
    with pytest.raises(CompanionError, match=r"questions\.json, line 1: no field 'text'"):
        ask_llm(str(model), questions, pictures, tmp_path / "other.jsonl")
