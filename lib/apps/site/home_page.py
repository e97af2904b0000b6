"""The front page of the site: how the README opens, and all chapters by part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import groupby

from lib.apps.site.book import Chapter, address
from lib.apps.site.markdown_html import markdown_html
from lib.apps.site.site_page import API
from lib.base.files import ROOT

README = ROOT / "README.md"


def home_page(book: Sequence[Chapter], reference: bool) -> str:
    """Return the body of the front page. reference: whether to link to that of the library."""
    text = README.read_text(encoding="utf-8")
    opening = re.sub(r"\n(?:    make .*\n)+", "", text[: text.index("\n## ")])  # a visitor of a site reads first
    groups = []
    for part, chapters in groupby(book, key=lambda chapter: chapter.part):
        links = "".join(f'<li><a href="{address(one.path)}">{escape(one.title)}</a></li>' for one in chapters)
        groups.append(f"<section><h3>{escape(part)}</h3><ul>{links}</ul></section>")
    link = (
        f'<p><a href="{API}/index.html">Reference of the library</a>: every public function.</p>' if reference else ""
    )
    return f'{markdown_html(opening)}<h2 id="all-pages">All pages</h2><div class="parts">{"".join(groups)}</div>{link}'
