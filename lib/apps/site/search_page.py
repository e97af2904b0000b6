"""The page of the search: all sections of notebooks and documents, and the script that looks for words in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import unescape
from pathlib import Path

from lib.apps.site.markdown_html import plain_text

_TEMPLATE = Path(__file__).with_name("search.html")
_SECTION = re.compile(r'<h[23] id="(?P<id>[^"]+)">(?P<title>.*?)</h[23]>', re.DOTALL)
_NOT_TEXT = re.compile(
    r'<details class="code">.*?</details>|<div class="highlight">.*?</div>|<math.*?</math>|<svg.*?</svg>', re.DOTALL
)


def search_page(pages: Iterable[tuple[str, str, str]]) -> str:
    """Return the body of the page. pages: address, title and body of each that can be found."""
    found = [section for page in pages for section in sections_of(*page)]
    data = json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return _TEMPLATE.read_text(encoding="utf-8").replace("{{sections}}", data)


def sections_of(place: str, title: str, body: str) -> list[list[str]]:
    """Return the sections of a page, each as [address, title of the page, title of the section, text]."""
    parts = _SECTION.split(_NOT_TEXT.sub(" ", body))
    found = [[place, title, "", _words(parts[0])]]
    for id, name, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        found.append([f"{place}#{id}", title, _words(name), _words(text)])
    return found


def _words(html: str) -> str:
    return unescape(plain_text(html))
