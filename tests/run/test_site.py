"""The static site: its pages are there, and its links lead somewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lib.data.errors import CompanionError
from lib.run import explorer as explorer_file
from lib.run import site as site_of
from lib.run.places import NOTEBOOKS
from lib.run.profiles import Profile, load_profile
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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The site of the committed notebooks: address to page."""
    folder = tmp_path_factory.mktemp("site")
    return {page.relative_to(folder).as_posix(): page for page in write_site(folder)}


@pytest.mark.slow
def test_every_link_within_the_site_leads_to_a_page(site: dict[str, Path]) -> None:
    assert "index.html" in site
    assert {f"{path.stem}.html" for path in NOTEBOOKS.glob("*.ipynb")} <= set(site)
    assert any(name.startswith("source/lib/") for name in site)
    broken = []
    for page in site.values():
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
def test_pages_follow_light_and_dark(site: dict[str, Path]) -> None:
    for name in ("index.html", "00_start_here.html"):
        assert "prefers-color-scheme: dark" in site[name].read_text(encoding="utf-8")


@pytest.mark.slow
def test_pages_of_notebooks_need_no_script(site: dict[str, Path]) -> None:
    for path in NOTEBOOKS.glob("*.ipynb"):
        assert "<script" not in site[f"{path.stem}.html"].read_text(encoding="utf-8"), path.name
    formulas = site["02_dictionaries.html"].read_text(encoding="utf-8")
    assert formulas.count('<math display="block"') == 1 and formulas.count("<math ") > 5
    assert "$" not in re.sub(r'="data:[^"]*"', "", formulas)


@pytest.mark.slow
def test_figures_say_what_should_be_seen(site: dict[str, Path]) -> None:
    pages = [site[f"{path.stem}.html"].read_text(encoding="utf-8") for path in NOTEBOOKS.glob("*.ipynb")]
    said = [text for page in pages for text in re.findall(r'<img alt="([^"]*)" src="data:image/png', page)]
    assert len(said) == sum(page.count('src="data:image/png') for page in pages) > 50
    assert all(said)
    assert sum(text.startswith("You should see") for text in said) > len(said) / 2


def test_a_notebook_without_outputs_is_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"10_x\.ipynb has no outputs; run `make notebooks`"):
        write_site(tmp_path / "site", write("10_x", "1 + 1").parent)
    assert not (tmp_path / "site").exists()
    with pytest.raises(CompanionError, match="no notebooks in"):
        write_site(tmp_path / "site", tmp_path)


def test_the_explorer_is_shown_once_it_has_been_made(
    write: Write, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_of, "_notebook", lambda path: "<body></body>")
    monkeypatch.setattr(site_of, "_readme", lambda: site_of._page("Companion", "", ""))
    notebooks = write("80_explorer", "1 + 1").parent
    index, page, *_ = write_site(tmp_path / "site", notebooks)
    assert 'href="explorer.html"' in index.read_text(encoding="utf-8")
    assert "python -m lib explorer explorer.html" in page.read_text(encoding="utf-8")
    html = "<html><body>\n<p>made</p></body></html>"

    def make(profile: Profile, folder: Path) -> None:
        (folder / explorer_file.PAGE).write_text(html)

    monkeypatch.setattr(explorer_file, "_make", make)
    explorer_file.explorer(load_profile("scenes"), tmp_path / "alone.html")
    assert (tmp_path / "alone.html").read_text() == html
    _, page, *_ = write_site(tmp_path / "site", notebooks)
    shown = page.read_text(encoding="utf-8")
    assert "<p>made</p>" in shown and 'href="index.html"' in shown


def test_addresses() -> None:
    assert address(NOTEBOOKS / "00_start_here.ipynb") == "00_start_here.html"
    assert address(ROOT / "lib" / "data" / "pairs.py") == "source/lib/data/pairs.py.html"
    assert address(ROOT / "benchmarks" / "speed.png") == "source/benchmarks/speed.png"
