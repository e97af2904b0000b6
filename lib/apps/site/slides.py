"""Slides of an executed notebook, one page of HTML that needs no network: what a room should see.

These are its headings with the paragraph under each, formulas, lists, guesses, exercises and drawings, the code of
cells with the tag `by-hand`, figures and evidence cards. What is folded in the notebook is left out.
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
_ALONE = re.compile(r"!\[|\*\*Exercise")
_BESIDE = re.compile(r"\$\$|\*\*Guess first|[-*] |\d+\. ")


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
    deck = _Deck()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            deck.add_code(cell)
        for block in _blocks(cell.source) if cell.cell_type == "markdown" else []:
            deck.add_block(block)
    return [slide for slide in deck.slides if slide.body]


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


class _Deck:
    """The slides so far, and the section that the next one is in."""

    def __init__(self) -> None:
        self.slides = [Slide("", "")]
        self.section = ""
        self.opened = False
        """Whether the section has had a paragraph."""

    def add_block(self, block: str) -> None:
        """Add a block of text if it is the first of its section, or of a kind that a room should see."""
        if heading := _HEADING.fullmatch(block):
            self.section, self.opened = inline_html(heading[1]), False
            self.slides.append(Slide(self.section, ""))
        elif _ALONE.match(block):
            self._add(markdown_html(block))
        elif not self.opened or _BESIDE.match(block):
            self.opened = True
            for part in filter(None, _ITEM.split(block) if len(block) > LETTERS else [block]):
                self._add_text(part)

    def add_code(self, cell: NotebookNode) -> None:
        """Add the code of a cell if that is a method by hand, its figures, and its cards under their claims."""
        if "by-hand" in cell.metadata.get("tags", []):
            printed = "".join(output.text for output in cell.outputs if output.output_type == "stream").strip("\n")
            self._add_lines(cell.source, printed)
        claim = self.section
        for output in cell.outputs:
            if output.output_type == "stream" and output.text.strip():
                claim = escape(output.text.strip().splitlines()[-1])  # what a card stands under
            elif "img" in output.get("metadata", {}):
                self._add(output.metadata["img"])
            elif CARD in (card := output.get("data", {}).get("text/html", "")):
                self._add(_FOLDED.sub("", card), claim)

    def _add(self, body: str, heading: str = "") -> None:
        """Add a slide; one that has no more than its heading is filled."""
        if not self.slides[-1].body:
            self.slides.pop()
        self.slides.append(Slide(heading or self.section, body))

    def _add_text(self, text: str) -> None:
        last = self.slides[-1]
        if last.body and not 0 < last.letters <= LETTERS - len(text):
            self.slides.append(last := Slide(self.section, ""))
        last.body += markdown_html(text)
        last.letters += len(text)

    def _add_lines(self, source: str, printed: str) -> None:
        """Add code and what it prints, on one slide if they fit, in letters as large as the lines allow."""
        code = highlight(source, PythonLexer(), HtmlFormatter())
        said = f"<pre>{escape(printed)}</pre>"
        parts = [(source, code), (printed, said)] if printed else [(source, code)]
        if len(f"{source}\n{printed}".splitlines()) <= LINES:
            parts = [("\n".join(text for text, _ in parts), "".join(body for _, body in parts))]
        for text, body in parts:
            lines = text.splitlines()
            size = f"--lines: {len(lines) + 2}; --columns: {max(map(len, lines)) + 4}"  # with the edges of its boxes
            self._add(f'<div class="lines" style="{size}">{body}</div>')
