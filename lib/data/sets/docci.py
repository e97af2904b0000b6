"""DOCCI: long descriptions, one paragraph for each image. Source: Onoe et al., arXiv 2404.19753."""

from __future__ import annotations

from pathlib import Path

from lib.base.errors import CompanionError
from lib.data.formats.text_files import read_json_lines, text_field, text_pairs
from lib.data.pairs import Pairs


def read_docci(path: Path, split: str = "test") -> Pairs:
    """Read a split of `docci_descriptions.jsonlines`, one description per image; the ids are the file names."""
    records = read_json_lines(path)
    splits = sorted({text_field(record, "split", f"{path.name}, line {n}") for n, record in enumerate(records, 1)})
    if split not in splits:
        raise CompanionError(f"{path.name}: no image of split {split!r}; it has {', '.join(splits)}")
    chosen = ((n, record) for n, record in enumerate(records, 1) if record["split"] == split)
    fields = ("image_file", "description")
    entries = [tuple(text_field(record, name, f"{path.name}, line {n}") for name in fields) for n, record in chosen]
    return text_pairs("docci", [path], [(name, (text,)) for name, text in entries], split=split)
