"""The static site: its pages are there, and its links lead somewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lib.data.errors import CompanionError
from lib.run.places import NOTEBOOKS
from lib.run.site import address, write_site
from tests.run.conftest import Write

ROOT = NOTEBOOKS.parent


class Links(HTMLParser):
    """Every href and src of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


@pytest.mark.slow
def test_every_link_within_the_site_leads_to_a_page(tmp_path: Path) -> None:
    pages = write_site(tmp_path / "site")
    names = {page.relative_to(tmp_path / "site").as_posix() for page in pages}
    assert "index.html" in names
    assert {f"{path.stem}.html" for path in NOTEBOOKS.glob("*.ipynb")} <= names
    assert any(name.startswith("source/lib/") for name in names)
    broken = []
    for page in pages:
        if page.suffix != ".html":
            continue
        for link in Links(page.read_text(encoding="utf-8")).found:
            parts = urlsplit(link)
            if parts.scheme or not parts.path:
                continue
            if not (page.parent / parts.path).resolve().is_file():
                broken.append((page.name, link))
    assert broken == []


@pytest.mark.slow
def test_pages_follow_light_and_dark(tmp_path: Path) -> None:
    write_site(tmp_path)
    for name in ("index.html", "00_start_here.html"):
        assert "prefers-color-scheme: dark" in (tmp_path / name).read_text(encoding="utf-8")


def test_a_notebook_without_outputs_is_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"10_x\.ipynb has no outputs; run `make notebooks`"):
        write_site(tmp_path / "site", write("10_x", "1 + 1").parent)
    assert not (tmp_path / "site").exists()
    with pytest.raises(CompanionError, match="no notebooks in"):
        write_site(tmp_path / "site", tmp_path)


def test_addresses() -> None:
    assert address(NOTEBOOKS / "00_start_here.ipynb") == "00_start_here.html"
    assert address(ROOT / "lib" / "data" / "pairs.py") == "source/lib/data/pairs.py.html"
    assert address(ROOT / "benchmarks" / "speed.png") == "source/benchmarks/speed.png"
