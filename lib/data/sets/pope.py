"""POPE's published files: yes/no questions about objects in COCO pictures, one JSON object per line.

Source: Li et al., EMNLP 2023, arXiv 2305.10355. There are three files of 3,000 questions. The absent objects that they
ask for are random, popular, or adversarial: those that most often occur together with the objects in the picture.
VL-SAE adds to each question " Please answer this question with one word."
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from lib.base.errors import CompanionError


class PopeQuestion(NamedTuple):
    """A question of POPE and its right answer."""

    image: str
    """The file name of the picture in COCO val2014."""
    text: str
    """The question."""
    yes: bool
    """Whether the right answer is yes."""


def read_pope(path: Path) -> list[PopeQuestion]:
    """Read the questions of a file, in its order; an error names the line that is not as published."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CompanionError(
            f"cannot read POPE's {path.name} ({type(error).__name__}); give a published file"
        ) from None
    questions = [_question(line, f"{path.name}, line {i}") for i, line in enumerate(lines, 1) if line.strip()]
    if not questions:
        raise CompanionError(f"{path.name} has no questions; give a published file")
    return questions


def answers_yes(answer: str) -> bool:
    """Return whether an answer means yes by POPE's rule: it is a no if its first sentence has the word no or not."""
    words = answer.split(".")[0].replace(",", "").lower().split()
    return "no" not in words and "not" not in words


def _question(line: str, where: str) -> PopeQuestion:
    try:
        entry = json.loads(line)
        question = PopeQuestion(entry["image"], entry["text"], {"yes": True, "no": False}[entry["label"]])
    except (ValueError, KeyError, TypeError) as error:
        what = f"{where} is not a question with image, text and label yes or no ({error!r})"
        raise CompanionError(f"{what}; give a published file") from None
    if not isinstance(question.image, str) or not isinstance(question.text, str):
        raise CompanionError(f"{where}: image and text must be strings; give a published file")
    return question
