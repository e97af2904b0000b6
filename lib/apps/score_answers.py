"""Benchmarks on the answers of any multimodal LLM, which come as JSON lines such as `lib ask` writes.

A line is an object with `answer`, and with `image`, the file name of the picture. All numbers are in percent, with 95 %
bootstrap intervals.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.base.errors import CompanionError
from lib.data.formats.fetch import locate
from lib.data.formats.text_files import field, read_json_lines, text_field
from lib.data.sets.chair_synonyms import read_synonyms
from lib.data.sets.coco_captions import read_coco, read_objects
from lib.data.sets.pope import answers_yes, read_pope
from lib.metrics.hallucination import chair, pope

YEAR = "val2014"
SYNONYMS = "text/chair/synonyms.txt"


class Answer(NamedTuple):
    """An answer. image: the picture's file name. text: the question, empty where the line has none. answer: the
    model's.

    where: the name of the line in errors.
    """

    image: str
    text: str
    answer: str
    where: str


def read_answers(path: Path) -> list[Answer]:
    """Read answers from a file of JSON lines; an error names the malformed line."""
    found = []
    for number, record in enumerate(read_json_lines(path), 1):
        where = f"{path.name}, line {number}"
        text = field(record, "text", str, where) if isinstance(record, dict) and "text" in record else ""
        found.append(Answer(text_field(record, "image", where), text, field(record, "answer", str, where), where))
    return found


def score_pope(answers: Path, questions: Path) -> pd.DataFrame:
    """Score answers to a file of POPE's questions, one line per question in the same order, as POPE reads them."""
    asked, said = read_pope(questions), read_answers(answers)
    if len(asked) != len(said):
        raise CompanionError(f"{answers.name} has {len(said)} answers and {questions.name} {len(asked)} questions")
    for question, one in zip(asked, said, strict=True):
        if one.image != question.image or one.text not in ("", question.text):
            raise CompanionError(f"{one.where} answers another question than {questions.name}; keep their order")
    found = pope(np.array([answers_yes(one.answer) for one in said]), np.array([question.yes for question in asked]))
    sure = found.interval(np.random.default_rng(0))
    row = {"accuracy": found.accuracy, "low": sure.low, "high": sure.high, "precision": found.precision}
    row |= {"recall": found.recall, "F1": found.f1, "yes": found.yes}
    return pd.DataFrame([{"n": len(said), **{name: 100 * value for name, value in row.items()}}])


def score_chair(answers: Path, coco: Path) -> pd.DataFrame:
    """Score descriptions of COCO pictures: which of the 80 objects they name, and whether these are there.

    coco: COCO's folder, with `instances_val2014.json` and `captions_val2014.json` in `annotations`. An object is there
    if either says so, as in the published script.
    """
    words, said = read_synonyms(locate("chair", SYNONYMS)), read_answers(answers)
    captions = read_coco(coco / "annotations" / f"captions_{YEAR}.json")
    there = read_objects(coco / "annotations" / f"instances_{YEAR}.json")
    told = dict(zip(captions.ids.tolist(), captions.captions or (), strict=True))
    truths = []
    for one in said:
        if one.image not in there or one.image not in told:
            raise CompanionError(f"{one.where}: picture {one.image} is not one of {YEAR}; give file names of COCO")
        texts = [*told[one.image], *there[one.image]]
        truths.append({name for text in texts for name in words.mentions(text)})
    found = chair([words.mentions(one.answer) for one in said], truths)
    sure = found.interval(np.random.default_rng(0))
    row = {"CHAIR_i": found.objects, "low": sure.low, "high": sure.high, "CHAIR_s": found.captions}
    percent = {name: 100 * value for name, value in {**row, "recall": found.recall}.items()}
    return pd.DataFrame([{"n": len(said), **percent, "objects": float(found.said.mean())}])
