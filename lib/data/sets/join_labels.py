"""Write which classes of the labelled sets have a name among the labels of LVIS and Objects365.

`python -m lib.data.sets.join_labels` reads the names of the sets' classes (`labelled-class-names` in the manifest) and
writes `joins.json` next to the labels. Two names are joined if they are equal but for case, `_` and `-`, where a class
of LVIS answers to its synonyms, too. A qualifier such as "(fish)" stays part of a name: without it, senses would mix.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from lib.base.files import write_atomic
from lib.data.formats.fetch import locate
from lib.data.sets.label_vectors import labels_b32
from lib.data.sets.shipped_vectors import FOLDER

JOINS = FOLDER / "labels-vitb32" / "joins.json"
_CLASSES = "clip-vectors/vitb32-labelled"
_LVIS = "clip-arrays/labels-vitb32/lvis_v1_train_cat_info.json"


def plain(name: str) -> str:
    """A name in lower case, with blanks for `_` and `-`."""
    return name.lower().replace("_", " ").replace("-", " ")


def answers(labels: tuple[str, ...], lvis: list[dict[str, Any]]) -> dict[str, str]:
    """Map every plain name to the label that it stands for: the labels' own first, then LVIS's synonyms."""
    known: dict[str, str] = {}
    for label in labels:
        known.setdefault(plain(label), label)
    for one in lvis:
        for synonym in one["synonyms"]:
            known.setdefault(plain(synonym), one["name"].replace("_", " "))
    return known


def joins(classes: dict[str, list[str]], known: dict[str, str]) -> dict[str, dict[str, str]]:
    """For each set, the label of each class that has one, by the class's number."""
    return {
        name: {str(number): known[plain(one)] for number, one in enumerate(listed) if plain(one) in known}
        for name, listed in classes.items()
    }


def main(path: Path = JOINS) -> None:
    """Write the file."""
    classes, wnids = (
        json.loads(locate("labelled-class-names", f"{_CLASSES}/{name}.json").read_text())
        for name in ("classnames", "imagenet_wnids")
    )
    known = answers(labels_b32().names, json.loads(locate("labels-vitb32", _LVIS).read_text()))
    found = {name: joined for name, joined in joins(classes, known).items() if joined}
    write_atomic(path, json.dumps({"labels": found, "imagenet": wnids}, indent=0) + "\n")


if __name__ == "__main__":
    typer.run(main)
