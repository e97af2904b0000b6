"""The frame of a page: the line on top with the search, the menu that says where you are, and the next page.

Only the pages of the search and the explorer need a script: the search is a form that opens its page with the words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import groupby

from lib.apps.explorer.explorer_file import PAGE as EXPLORER
from lib.apps.site.book import DOCS, DOCUMENTS, Chapter, address
from lib.apps.site.markdown_html import plain_text

HOME, SEARCH, STYLE, API = "index.html", "search.html", "style.css", "api"
"""Places of the front page, the search, the style sheet, and the folder of the reference, within the site."""

TOP = {
    "Scoreboard": address(DOCS / "scoreboard.md"),
    "Explorer": EXPLORER,
    "Glossary": address(DOCS / "glossary.md"),
    "Documents": address(DOCUMENTS),
}
"""What the line on top of every page links to."""

_HEADING = re.compile(r'<h2 id="(?P<id>[^"]+)">(?P<text>.*?)</h2>', re.DOTALL)
_WIDE = 'tabindex="0" role="group" aria-label="table"'


def render_page(title: str, body: str, place: str, book: Sequence[Chapter]) -> str:
    """Render a page of the site.

    body: its HTML, with the one `h1`. place: its address within the site, such as "source/lib/base/files.py.html".
    book: the chapters, of which it may be one.
    """
    up = "../" * place.count("/")
    return (
        f"{render_head(title, up)}\n<body>"
        f'<a class="skip" href="#text">Skip to the text</a>\n{_top(place, up)}\n'
        f'<div class="sheet"><main id="text">{scrolling(body)}{_turn(place, up, book)}</main>\n'
        f"{_menu(place, up, book, body)}</div></body></html>\n"
    )


def render_head(title: str, up: str = "") -> str:
    """Render what comes before the body of a page. up: the way from it to the folder of the site, such as "../"."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += '<link rel="icon" href="data:,">'  # or browsers ask for one that is not there
    head += f'<link rel="stylesheet" href="{up}{STYLE}"><title>{escape(title)}</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>'


def scrolling(body: str) -> str:
    """Put tables into boxes that scroll, so that the page need not, and let keys scroll these and long lines."""
    body = re.sub(r"<table\b", f'<div class="wide" {_WIDE}><table', body)
    return body.replace("</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">')


def _link(target: str, text: str, place: str, up: str, more: str = "") -> str:
    here = ' aria-current="page"' if target == place else ""
    return f'<a href="{up}{target}"{here}{more}>{text}</a>'


def _top(place: str, up: str) -> str:
    links = "".join(_link(target, name, place, up) for name, target in TOP.items())
    form = (
        f'<form role="search" action="{up}{SEARCH}"><input type="search" name="q" aria-label="Words to search for" '
        'placeholder="Search"><button>Search</button></form>'
    )
    home = _link(HOME, "Companion", place, up, ' class="home"')
    return (
        f'<header>{home}<nav aria-label="Site">{links}<a class="to-menu" href="#menu">Contents</a></nav>{form}</header>'
    )


def _menu(place: str, up: str, book: Sequence[Chapter], body: str) -> str:
    """All chapters by part, the current one with the sections of its page; on a phone it comes after the text."""
    parts = []
    for part, chapters in groupby(book, key=lambda chapter: chapter.part):
        items = []
        for chapter in chapters:
            at = address(chapter.path)
            sections = _sections(body) if at == place else ""
            items.append(f"<li>{_link(at, escape(chapter.title), place, up)}{sections}</li>")
        parts.append(f"<p>{escape(part)}</p><ul>{''.join(items)}</ul>")
    alone = "" if place in {address(chapter.path) for chapter in book} else _sections(body)
    here = f"<p>On this page</p>{alone}" if alone else ""
    return f'<nav id="menu" aria-label="Contents">{here}{"".join(parts)}</nav>'


def _sections(body: str) -> str:
    found = [f'<li><a href="#{match["id"]}">{plain_text(match["text"])}</a></li>' for match in _HEADING.finditer(body)]
    return f"<ul>{''.join(found)}</ul>" if found else ""


def _turn(place: str, up: str, book: Sequence[Chapter]) -> str:
    """Links to the pages before and after this one, in the order of the book."""
    places = [HOME, *(address(chapter.path) for chapter in book)]
    titles = ["Home", *(chapter.title for chapter in book)]
    if place not in places:
        return ""
    at, links = places.index(place), []
    if at > 0:
        links.append(f'<a rel="prev" href="{up}{places[at - 1]}">← {escape(titles[at - 1])}</a>')
    if at + 1 < len(places):
        links.append(f'<a rel="next" href="{up}{places[at + 1]}">{escape(titles[at + 1])} →</a>')
    return f'<nav class="turn" aria-label="Previous and next page">{"".join(links)}</nav>'
