"""A contact sheet: one HTML file with small pictures and text about each. It fetches nothing."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from lib.base.files import write_atomic
from lib.base.progress import progress
from lib.data.pairs import Pairs

SIDE = 240
"""Pixels of the longer side of a picture on the sheet."""

QUALITY = 80
"""Quality of the pictures as WebP, out of 100."""

_TEMPLATE = Path(__file__).with_name("contact_sheet.html")


class Tile(NamedTuple):
    """A picture, and lines of text about it."""

    name: str
    lines: Sequence[str]


class Section(NamedTuple):
    """A heading, notes below it, and pictures in order."""

    heading: str
    notes: Sequence[str]
    tiles: Sequence[Tile]


def write_sheet(file: Path, title: str, sections: Sequence[Section], pairs: Pairs) -> str:
    """Write a contact sheet, and return where it is. pairs: the pictures that the sections name, by id."""
    pictures: dict[str, str] = {}
    rows = {name: row for row, name in enumerate(pairs.ids.tolist())}
    names = dict.fromkeys(tile.name for section in sections for tile in section.tiles)
    assert pairs.images is not None
    for name in progress(names, desc="contact sheet", unit="image"):
        pictures[name] = _small(pairs.images[rows[name]])
    body = "\n".join(_section(section, pictures) for section in sections)
    page = _TEMPLATE.read_text(encoding="utf-8").replace("{{title}}", escape(title)).replace("{{body}}", body)
    write_atomic(file, page)
    return f"{file}, {file.stat().st_size / 1e6:.1f} MB; open it in a browser"


def _small(image: Image.Image) -> str:
    """Encode a picture as a data URI."""
    small, stream = image.copy(), io.BytesIO()
    small.thumbnail((SIDE, SIDE))
    small.save(stream, "WEBP", quality=QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _section(section: Section, pictures: dict[str, str]) -> str:
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in section.notes)
    tiles = "\n".join(_tile(tile, pictures[tile.name]) for tile in section.tiles)
    return f"<section>\n<h2>{escape(section.heading)}</h2>\n{notes}<div>\n{tiles}\n</div>\n</section>"


def _tile(tile: Tile, source: str) -> str:
    lines = "".join(f"<br>{escape(line)}" for line in tile.lines)
    return (
        f'<figure><img src="{source}" alt="{escape(tile.name)}">'
        f"<figcaption><b>{escape(tile.name)}</b>{lines}</figcaption></figure>"
    )
