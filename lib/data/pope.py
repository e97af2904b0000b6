"""POPE's published files: yes/no questions about objects in COCO pictures, one JSON object a line.

Li et al., EMNLP 2023, arXiv 2305.10355. Three files of 3,000 questions: the absent objects are random, popular, or
adversarial (those that most often occur beside what is there). VL-SAE asks them with PROMPT_SUFFIX.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from lib.data.errors import CompanionError

NEGATIVES = ("random", "popular", "adversarial")
PROMPT_SUFFIX = " Please answer this question with one word."


class PopeQuestion(NamedTuple):
    """image: file name in COCO val2014. text: the question. yes: whether the right answer is yes."""

    image: str
    text: str
    yes: bool


def read_pope(path: Path) -> list[PopeQuestion]:
    """The questions of one file, in its order; an error names the line that is not as published."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CompanionError(
            f"cannot read POPE's {path.name} ({type(error).__name__}); give a published file"
        ) from None
    questions = [_question(line, f"{path.name}, line {i}") for i, line in enumerate(lines, 1) if line.strip()]
    if not questions:
        raise CompanionError(f"{path.name} holds no questions; give a published file")
    return questions


def answers_yes(answer: str) -> bool:
    """POPE's own reading of an answer: no if its first sentence has the word no or not, else yes."""
    words = answer.split(".")[0].replace(",", "").lower().split()
    return "no" not in words and "not" not in words


def _question(line: str, where: str) -> PopeQuestion:
    try:
        entry = json.loads(line)
        question = PopeQuestion(entry["image"], entry["text"], {"yes": True, "no": False}[entry["label"]])
    except (ValueError, KeyError, TypeError) as error:
        raise CompanionError(f"{where} is no question with image, text and label yes or no ({error!r})") from None
    if not isinstance(question.image, str) or not isinstance(question.text, str):
        raise CompanionError(f"{where}: image and text must be strings; give a published file")
    return question
