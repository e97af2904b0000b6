"""ImageInWords (IIW): long human descriptions, one paragraph for each image. Source: Garg et al., arXiv 2405.02793.

Papers on retrieval use the whole paragraphs, of which a context of 77 tokens covers the first third, or they take every
sentence as a caption of its image (FLAIR, arXiv 2412.03561; `lib.data.captions.sentences`). The numbers of the two are
not comparable.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.data.formats.fetch import locate
from lib.data.formats.text_files import check_size, read_json_lines, text_field, text_pairs
from lib.data.pairs import Pairs

_FILES = {"IIW-400": 400, "DOCCI_Test": 100, "DCI_Test": 112}
"""The published files of human descriptions, and the number of images in each."""


def iiw() -> Pairs:
    """Read all 612 images with a human description of IIW; the ids are `<file>/<image>`."""
    parts = []
    for name, size in _FILES.items():
        part = read_iiw(locate("imageinwords", f"text/imageinwords/{name}.jsonl"))
        parts.append(check_size(part, size, f"IIW's {name}"))
    ids = np.concatenate([[f"{name}/{one}" for one in part.ids] for name, part in zip(_FILES, parts, strict=True)])
    captions = tuple(texts for part in parts for texts in part.captions or ())
    return Pairs(ids, None, captions, {"dataset": "iiw", "parts": [part.identity for part in parts]})


def read_iiw(path: Path, describer: str = "IIW") -> Pairs:
    """Read images with one description each from a JSON-lines file of ImageInWords.

    describer: "IIW" for the human description, or "DOCCI" for the one of DOCCI's authors, if the file has it.
    """
    entries = []
    for number, record in enumerate(read_json_lines(path), 1):
        where = f"{path.name}, line {number}"
        name = "image" if isinstance(record, dict) and "image" in record else "image/key"
        entries.append((text_field(record, name, where), (text_field(record, describer, where),)))
    return text_pairs("imageinwords", [path], entries, describer=describer)
