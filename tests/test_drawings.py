"""The drawings of the methods: as the scripts make them, described in words, and inside their cards."""

from __future__ import annotations

import importlib
from xml.etree import ElementTree

import pytest

from lib.base.files import ROOT

FOLDER = ROOT / "docs" / "drawings"
SVG = "{http://www.w3.org/2000/svg}"
LETTER = 0.62
"""Mean width of a letter in units of the font's size, a little above that of DejaVu Sans."""

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(FOLDER)  # as when the script runs, which imports the files beside it
    draw = importlib.import_module("draw")


def test_every_drawing_has_a_function() -> None:
    assert {path.stem for path in FOLDER.glob("*.svg")} == {one.__name__ for one in draw.DRAWINGS}


@pytest.mark.parametrize("made", draw.DRAWINGS, ids=lambda one: one.__name__)
def test_a_drawing_is_what_its_function_makes(made: object) -> None:
    assert (FOLDER / f"{made.__name__}.svg").read_text(encoding="utf-8") == made().svg()  # type: ignore[attr-defined,operator]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.svg")), ids=lambda path: path.stem)
def test_a_drawing_is_described_and_keeps_to_its_card(path: object) -> None:
    root = ElementTree.parse(path).getroot()  # type: ignore[arg-type]
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    assert root.get("role") == "img" and len(root.findtext(f"{SVG}title", "")) > 5
    assert len(root.findtext(f"{SVG}desc", "")) > 100
    for text in root.iter(f"{SVG}text"):
        long = LETTER * float(text.get("font-size", 0)) * len(text.text or "")
        left = float(text.get("x", 0)) - (long / 2 if text.get("text-anchor") == "middle" else 0)
        assert left > -4 and left + long < width + 4, text.text
        assert 0 < float(text.get("y", 0)) < height - 4, text.text
