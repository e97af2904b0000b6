"""Ask a multimodal LLM questions about pictures, and write its answers for `lib score`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lib.base.errors import CompanionError
from lib.base.files import write_atomic
from lib.base.progress import progress
from lib.data.formats.folders import with_pictures
from lib.data.formats.text_files import read_json_lines, text_field
from lib.data.pairs import Pairs

LONGEST = 64
"""Largest number of tokens of an answer."""


def ask_llm(model: str, questions: Path, pictures: Path, answers: Path, device: str = "cpu") -> str:
    """Ask a model every question about its picture, greedily, write the answers, and say so in one line.

    model: as `load_llm` takes it. questions: JSON lines of objects with `image`, a file name in the folder `pictures`,
    and `text`, as POPE's are. answers: the file to write, one line per question, in order, with `image`, `text` and
    `answer`. Raises CompanionError for missing questions or pictures, and for a file of answers that exists already.
    """
    if answers.exists():
        raise CompanionError(f"{answers} exists already; name another file")
    asked = []
    for number, record in enumerate(read_json_lines(questions), 1):
        where = f"{questions.name}, line {number}"
        asked.append((text_field(record, "image", where), text_field(record, "text", where)))
    places = {image: place for place, image in enumerate(dict.fromkeys(image for image, _ in asked))}
    images = with_pictures(Pairs(np.array(list(places)), None, None, {}), pictures).images
    assert images is not None
    from lib.encoders.load_llm import load_llm  # torch and transformers take seconds to import
    from lib.encoders.multimodal_llm import BATCH

    llm = load_llm(model, device=device)
    lines = []
    for start in progress(range(0, len(asked), BATCH), desc=llm.name, unit="batch"):
        part = asked[start : start + BATCH]
        said = llm.generate([images[places[image]] for image, _ in part], [text for _, text in part], LONGEST)
        lines += [{"image": image, "text": text, "answer": one} for (image, text), one in zip(part, said, strict=True)]
    write_atomic(answers, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return f"{llm.name} answered {len(lines)} questions about {len(images)} pictures; wrote {answers}"
