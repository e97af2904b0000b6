"""What of a notebook becomes a slide."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib.apps.site.slides import LETTERS, LINES, Slide, slides_of, slides_page

TITLE = "# 10 · Title\n\n**The question**: why?\n\n<details><summary>For the record</summary>\n\nfolded\n</details>"


def slides(*cells: NotebookNode | str) -> list[Slide]:
    """The slides after the title's, of cells of Markdown and others."""
    told = [new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in (TITLE, *cells)]
    title, *others = slides_of(new_notebook(cells=told))
    assert title.heading.endswith("10 · Title") and "why?" in title.body and "folded" not in title.body
    return others


def printed(text: str) -> Any:
    return new_output("stream", text=text)


def by_hand(source: str, *outputs: Any) -> NotebookNode:
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": ["by-hand"]})


def test_a_section_opens_with_its_first_paragraph_and_has_its_guess_beside() -> None:
    (one,) = slides("## *One*\n\nFirst.\n\nSecond.\n\n**Guess first**: how many?", "Third.")
    assert one.heading == "<em>One</em>"
    assert "First." in one.body and "how many?" in one.body
    assert "Second." not in one.body and "Third." not in one.body


def test_a_paragraph_that_ends_with_a_colon_has_what_follows() -> None:
    (one,) = slides("## One\n\nTwo kinds:\n\n- a\n- b\n\nSecond.")
    assert one.body.count("<li>") == 2 and "Second." not in one.body


def test_drawings_and_exercises_stand_alone_and_the_paragraph_after_a_drawing_is_kept() -> None:
    drawing, text, exercise = slides("## One\n\n![a](b.svg)\n\nFirst.", "**Exercise 10.1** (easy). Do.\n\nMore.")
    assert "<img" in drawing.body and "First." in text.body and "Do." in exercise.body
    assert {drawing.heading, text.heading, exercise.heading} == {"One"}


def test_long_lists_are_split_and_nothing_of_them_is_lost() -> None:
    items = [f"- item {number} {'x' * 100}\n" for number in range(20)]
    found = slides("## One\n\nFirst.", "".join(items))
    assert len(found) > 2 and all(0 < one.letters <= LETTERS for one in found)
    assert sum(one.body.count("<li>") for one in found) == len(items)


def test_only_code_by_hand_is_shown_and_long_prints_come_after_it() -> None:
    short, code, long = slides(
        "## One",
        new_code_cell("hidden = 1"),
        by_hand("shown = 1", printed("2 < 3")),
        by_hand("shown = 2", printed("line\n" * LINES)),
    )
    assert "shown" in short.body and "<pre>2 &lt; 3</pre>" in short.body
    assert "shown" in code.body and "line" not in code.body.replace('"lines"', "").replace("--lines", "")
    assert long.body.count("line\n") == LINES - 1 and f"--lines: {LINES + 2}; --columns: 8" in long.body


def test_a_figure_is_as_the_page_shows_it_and_a_card_stands_under_its_claim() -> None:
    figure = new_output("display_data", {"image/png": "x"}, metadata={"img": '<img src="f.webp" alt="f">'})
    card = '<div class="evidence-card"><p>card</p><details><summary>2 further numbers</summary>2</details></div>'
    outputs = [figure, printed("p1.C1 · reproduced · so\n"), new_output("display_data", {"text/html": card})]
    drawn, claimed = slides("## One", new_code_cell("plot()", outputs=outputs))
    assert drawn == Slide("One", figure.metadata.img)
    assert claimed == Slide("p1.C1 · reproduced · so", '<div class="evidence-card"><p>card</p></div>')


def test_a_section_with_nothing_to_show_has_no_slide() -> None:
    assert slides("## One", new_code_cell("1"), "## Two\n\nText.") == [Slide("Two", "<p>Text.</p>\n", 5)]


def test_the_page_numbers_its_slides_and_has_one_title() -> None:
    page = slides_page("T", "t.html", [Slide("A", "<p>a</p>"), Slide("B", "<table></table>")])
    assert page.count("<h1>A</h1>") == page.count("<h2>B</h2>") == page.count('<a href="t.html">') == 1
    assert 'id="slide-2" aria-label="Slide 2 of 2"' in page and '<div class="wide"' in page
