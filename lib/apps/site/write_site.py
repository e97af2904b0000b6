"""Write the site: the book, the search and the explorer, and the files of the repository that these mention.

Pages follow the reader's choice of light or dark and fetch nothing from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from urllib.parse import unquote

from lib.apps.explorer.explorer_file import PAGE
from lib.apps.site.book import AS_THEY_ARE, Chapter, address, read_book, slides_address
from lib.apps.site.home_page import home_page
from lib.apps.site.notebook_page import notebook_page, read_executed
from lib.apps.site.search_page import search_page
from lib.apps.site.shown_explorer import explorer_body
from lib.apps.site.site_page import API, HOME, SEARCH, STYLE, render_page
from lib.apps.site.slides import Slide, slides_of, slides_page
from lib.apps.site.source_page import code_style, source_page
from lib.base.files import ROOT, write_atomic
from lib.base.places import NOTEBOOKS
from lib.base.progress import progress

_HREF = re.compile(r'(?P<before>(?:href|src)=")(?P<target>[^"#:]+)(?P<rest>(?:#[^"]*)?")')
_CODE = re.compile(r"<code>(?P<path>[\w./-]+\.(?:py|yaml|json|md|csv))</code>")
_TO_SLIDES = '</h1>\n<p id="slides"><a href="{}">Slides of this notebook</a></p>'


def write_site(folder: Path, notebooks: Path = NOTEBOOKS) -> list[Path]:
    """Write the site and return its files, pages and figures; those of an earlier one are written over.

    An error names a notebook that has not been executed.
    """
    book, bodies, site = read_book(notebooks), dict[Chapter, str](), _Site(folder)
    decks, figures = dict[Chapter, list[Slide]](), dict[str, bytes]()
    for chapter in progress(book, desc="pages"):  # all, before anything is written
        if chapter.path.suffix == ".ipynb":
            notebook, drawn = read_executed(chapter.path)
            bodies[chapter], decks[chapter] = notebook_page(notebook), slides_of(notebook)
            figures |= drawn
        else:
            bodies[chapter] = source_page(chapter.path)
    write_index(folder, book, site)
    site.write(STYLE, Path(__file__).with_name(STYLE).read_bytes() + code_style().encode())
    explorer, pictures = explorer_body()
    site.add("Explorer", explorer, PAGE, ROOT, book)
    found = search_page((address(chapter.path), chapter.title, body) for chapter, body in bodies.items())
    site.add("Search", found, SEARCH, ROOT, book)
    for chapter, slides in decks.items():
        bodies[chapter] = bodies[chapter].replace("</h1>", _TO_SLIDES.format(slides_address(chapter.path)), 1)
        site.add_slides(chapter, slides)
    for chapter, body in bodies.items():
        site.add(chapter.title, body, address(chapter.path), chapter.path.parent, book)
    for place, figure in (figures | pictures).items():
        site.write(place, figure)
    done = {chapter.path for chapter in book}
    while todo := sorted(site.wanted - done):  # a page of a source file may speak of further ones
        for path in todo:
            if path.suffix in AS_THEY_ARE:
                site.write(address(path), path.read_bytes())
            else:
                site.add(path.relative_to(ROOT).as_posix(), source_page(path), address(path), path.parent, book)
        done |= set(todo)
    return site.pages


def write_index(folder: Path, book: Sequence[Chapter], site: _Site | None = None) -> None:
    """Write the front page of a site; it links to the reference once `lib.apps.reference` has written that."""
    body = home_page(book, (folder / API).is_dir())
    (site or _Site(folder)).add("Companion", body, HOME, ROOT, book)


class _Site:
    """The pages written so far, and the files of the repository that they link to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages: list[Path] = []
        self.wanted: set[Path] = set()

    def add(self, title: str, body: str, place: str, base: Path, book: Sequence[Chapter]) -> None:
        """Write a page at a place of the site. base: the folder that relative links of its original start from."""
        linked = self._linked(body, base, "../" * place.count("/"))
        self.write(place, render_page(title, linked, place, book).encode())

    def add_slides(self, chapter: Chapter, slides: list[Slide]) -> None:
        """Write the slides of a notebook."""
        page = slides_page(chapter.title, address(chapter.path), slides)
        self.write(slides_address(chapter.path), self._linked(page, chapter.path.parent, "").encode())

    def write(self, place: str, content: bytes) -> None:
        """Write a file at a place of the site."""
        page = self.folder / place
        page.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(page, content)
        self.pages.append(page)

    def _linked(self, html: str, base: Path, up: str) -> str:
        """The page with links to files of the repository, and the names of such files, linked within the site."""

        def find(target: str) -> str | None:
            for folder in (base, ROOT):
                path = (folder / unquote(unescape(target))).resolve()
                if path == ROOT / PAGE:  # the site's own, wherever a reader keeps another
                    return None
                if path == ROOT / "README.md":
                    return up + HOME
                if path.is_file() and path.is_relative_to(ROOT):
                    self.wanted |= set() if path.suffix == ".ipynb" else {path}
                    return up + address(path)
            return None

        def link(match: re.Match[str]) -> str:
            return match["before"] + (find(match["target"]) or match["target"]) + match["rest"]

        def name(match: re.Match[str]) -> str:
            found = find(match["path"])
            return f'<a href="{found}">{match[0]}</a>' if found else match[0]

        return _CODE.sub(name, _HREF.sub(link, html))
