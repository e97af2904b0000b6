"""Slides of an executed notebook, one page of HTML that needs no network: what a room should see.

These are its headings with the paragraph under each, formulas, lists, guesses, exercises and drawings, the code of cells
with the tag `by-hand`, figures and evidence cards. What is folded in the notebook is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from lib.apps.site.markdown_html import inline_html, markdown_html
from lib.apps.site.site_page import render_head, scrolling
from lib.report.card import OPEN as CARD

LETTERS = 620
"""Letters of text that a slide holds; more of it goes onto the next one."""

LINES = 21
"""Lines of code and of what it prints that a slide holds; what is printed goes onto the next one if need be."""

_TEMPLATE = Path(__file__).with_name("slides.html")
_FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
_HEADING = re.compile(r"#+ (.+)")
_ITEM = re.compile(r"^(?=(?:[-*]|\d+\.) )", re.MULTILINE)
_OWN_SLIDE = re.compile(r"!\[|\*\*Exercise")
_NEXT_TO_IT = re.compile(r"\$\$|\*\*Guess first|[-*] |\d+\. ")


@dataclass
class Slide:
    """What a slide shows."""

    heading: str
    """HTML of its heading."""
    body: str
    """HTML below it."""
    letters: int = 0
    """Letters of text in the body, to which more text may be added; 0 if the body is something else."""


def slides_page(title: str, notebook_address: str, slides: list[Slide]) -> str:
    """Render the page of slides, which links to that of its notebook."""
    parts = []
    for number, slide in enumerate(slides, 1):
        level = 1 if number == 1 else 2
        head = f"<h{level}>{slide.heading}</h{level}>"
        label = f'id="slide-{number}" aria-label="Slide {number} of {len(slides)}"'
        parts.append(f'<section {label} tabindex="-1">{head}\n{scrolling(slide.body)}</section>')
    page = _TEMPLATE.read_text(encoding="utf-8").replace("{{notebook}}", notebook_address)
    return render_head(f"Slides: {title}") + page.replace("{{slides}}", "\n".join(parts))


def slides_of(notebook: NotebookNode) -> list[Slide]:
    """Return the slides of a notebook as `read_executed` returns it, in its order."""
    slides, section = list[Slide](), ""
    for cell in notebook.cells:
        if cell.cell_type == "code" and section:
            slides += _of_code(cell, section)
        for block in _blocks(cell.source) if cell.cell_type == "markdown" else []:
            if heading := _HEADING.fullmatch(block):
                section = inline_html(heading[1])
                slides.append(Slide(section, ""))
            elif section:
                _add_block(slides, section, block)
    return slides


def _blocks(source: str) -> Iterator[str]:
    """Headings, paragraphs and other blocks of a cell; one that ends with a colon has the next one with it."""
    held = ""
    for block in re.split(r"\n\s*\n", _FOLDED.sub("", source).strip()):
        heading, _, rest = block.strip().partition("\n") if block.startswith("#") else ("", "", block.strip())
        yield from [heading] if heading else []
        held = f"{held}\n\n{rest}".strip()
        if held and not held.endswith(":"):
            yield held
            held = ""
    yield from [held] if held else []


def _add_block(slides: list[Slide], section: str, block: str) -> None:
    """Add a block of text if it is the first of its section, or of a kind that a room should see."""
    if _OWN_SLIDE.match(block):
        slides.append(Slide(section, markdown_html(block)))
    elif not slides[-1].body or _NEXT_TO_IT.match(block):
        for part in _ITEM.split(block) if len(block) > LETTERS else [block]:
            _add_text(slides, section, part)


def _add_text(slides: list[Slide], section: str, text: str) -> None:
    last = slides[-1]
    if last.body and not 0 < last.letters <= LETTERS - len(text):
        slides.append(last := Slide(section, ""))
    last.body += markdown_html(text)
    last.letters += len(text)


def _of_code(cell: NotebookNode, section: str) -> Iterator[Slide]:
    """The slides of a cell: its code if that is a method by hand, its figures, and its cards under their claims."""
    if "by-hand" in cell.metadata.get("tags", []):
        printed = "".join(output.text for output in cell.outputs if output.output_type == "stream").strip("\n")
        code = highlight(cell.source, PythonLexer(), HtmlFormatter())
        said = f"<pre>{escape(printed)}</pre>" if printed else ""
        fits = len(cell.source.splitlines()) + len(printed.splitlines()) <= LINES
        yield from [Slide(section, body) for body in ([code + said] if fits else [code, said])]
    claim = section
    for output in cell.outputs:
        if output.output_type == "stream" and output.text.strip():
            claim = escape(output.text.strip().splitlines()[-1])  # what a card stands under
        elif "img" in output.get("metadata", {}):
            yield Slide(section, output.metadata["img"])
        elif CARD in (card := output.get("data", {}).get("text/html", "")):
            yield Slide(claim, _FOLDED.sub("", card))
