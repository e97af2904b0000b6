"""The frame of a page: boxes that scroll, the sections of the page, the neighbours."""

from __future__ import annotations

from lib.apps.site.book import DOCS, Chapter, address
from lib.apps.site.markdown_html import markdown_html
from lib.apps.site.site_page import render_page

BOOK = [Chapter(DOCS / f"{name}.md", name.title(), "Documents") for name in ("glossary", "errata", "trust")]


def test_tables_scroll_and_sections_are_listed() -> None:
    body = markdown_html("# T\n\n## Of $x$ & `y`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    page = render_page("T", body, address(BOOK[1].path), BOOK)
    assert page.count('<div class="wide"') == page.count("<table") == page.count("</table></div>") == 1
    menu = page[page.index('<nav id="menu"') :]
    assert 'aria-current="page">Errata</a><ul><li><a href="#' in menu and "Trust" in menu
    assert "Glossary</a>" in page and 'rel="next" href="../../source/docs/trust.md.html"' in page


def test_a_page_outside_the_book_has_its_sections_and_no_neighbours() -> None:
    page = render_page("T", '<h1>T</h1><h2 id="one">One</h2>', "source/lib/x.py.html", BOOK)
    assert '<p>On this page</p><ul><li><a href="#one">One</a></li></ul>' in page
    assert "rel=" not in page[page.index("<main") :]
