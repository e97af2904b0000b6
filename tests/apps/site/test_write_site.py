"""The static site: its pages are there, and its links lead somewhere."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from nbformat.v4 import new_notebook
from PIL import Image

from lib.apps.site import shown_explorer
from lib.apps.site import write_site as site_of
from lib.apps.site.book import Chapter, address, read_book, slides_address
from lib.apps.site.write_site import write_site
from lib.base.errors import CompanionError
from lib.base.files import write_json
from lib.base.places import NOTEBOOKS
from lib.data.scenes import scenes
from tests.conftest import Write

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
    style = site["style.css"].read_text(encoding="utf-8")
    assert "color-scheme: light dark" in style and "prefers-color-scheme: dark" in style
    for name in ("index.html", "00_start_here.html"):
        assert '<link rel="stylesheet" href="style.css">' in site[name].read_text(encoding="utf-8")


@pytest.mark.slow
def test_only_slides_the_search_and_the_explorer_need_a_script(site: dict[str, Path]) -> None:
    with_script = {
        name for name, page in site.items() if name.endswith(".html") and "<script" in page.read_text("utf-8")
    }
    slides = {slides_address(path) for path in NOTEBOOKS.glob("*.ipynb")}
    assert {"search.html", *slides} <= with_script <= {"search.html", "explorer.html", *slides}
    formulas = site["02_dictionaries.html"].read_text(encoding="utf-8")
    assert formulas.count('<math display="block"') == 1 and formulas.count("<math ") > 5
    assert "$" not in formulas


@pytest.mark.slow
def test_figures_say_what_should_be_seen(site: dict[str, Path]) -> None:
    pages = [site[f"{path.stem}.html"].read_text(encoding="utf-8") for path in NOTEBOOKS.glob("*.ipynb")]
    shown = [tag for page in pages for tag in re.findall(r"<img [^>]+>", page) if 'src="figures/' in tag]
    said = [text for tag in shown for text in re.findall(r'alt="([^"]+)"', tag)]
    assert len(said) == len(shown) > 50
    assert all('loading="lazy"' in tag for tag in shown)
    assert sum(text.startswith("You should see") for text in said) > len(said) / 2


@pytest.mark.slow
def test_every_notebook_links_its_slides_and_they_link_it(site: dict[str, Path]) -> None:
    for path in NOTEBOOKS.glob("*.ipynb"):
        assert f'<a href="{slides_address(path)}">Slides' in site[address(path)].read_text(encoding="utf-8")
        slides = site[slides_address(path)].read_text(encoding="utf-8")
        assert f'<a href="{address(path)}">' in slides and "<details" not in slides and slides.count("<h1>") == 1
    handed = site["source/docs/workshop.md.html"].read_text(encoding="utf-8")
    assert 'href="../../12_steering.html#slides"' in handed


@pytest.mark.slow
def test_pages_say_where_you_are_and_what_comes_next(site: dict[str, Path]) -> None:
    book = read_book()
    assert {address(chapter.path) for chapter in book} <= set(site)
    for before, chapter, after in zip(book, book[1:], book[2:], strict=False):
        place = address(chapter.path)
        page, up = site[place].read_text(encoding="utf-8"), "../" * place.count("/")
        assert f'<a rel="prev" href="{up}{address(before.path)}">' in page
        assert f'<a rel="next" href="{up}{address(after.path)}">' in page
        menu = page[page.index('<nav id="menu"') :]
        assert menu.count('aria-current="page"') == 1


def test_documents_are_in_the_order_of_their_index() -> None:
    documents = [chapter for chapter in read_book() if chapter.path.suffix == ".md"]
    assert {chapter.path for chapter in documents} >= set((ROOT / "docs").glob("*.md"))
    parts = list(dict.fromkeys(chapter.part.removeprefix("Documents: ") for chapter in documents))
    assert parts == ["Documents", "start", "use", "teach", "scale", "trust", "contribute"]


def test_a_notebook_without_outputs_is_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"10_x\.ipynb has no outputs; run `make notebooks`"):
        write_site(tmp_path / "site", write("10_x", "1 + 1").parent)
    assert not (tmp_path / "site").exists()
    with pytest.raises(CompanionError, match="no notebooks in"):
        write_site(tmp_path / "site", tmp_path)


def test_the_explorer_is_shown_from_the_results_and_its_pictures_are_files(
    write: Write, tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = [Chapter(write("80_explorer", "1 + 1"), "80 · Explorer", "Explore")]
    monkeypatch.setattr(site_of, "read_book", lambda notebooks: book)
    monkeypatch.setattr(site_of, "read_executed", lambda path: (new_notebook(), {}))
    monkeypatch.setattr(site_of, "home_page", lambda book, reference: "")
    monkeypatch.setattr(shown_explorer, "PICTURES", "pictures/{}.webp")

    def shown() -> str:
        write_site(tmp_path / "site")
        assert 'href="explorer.html"' in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
        return (tmp_path / "site" / "explorer.html").read_text(encoding="utf-8")

    assert "python -m lib run 80" in shown()
    clamps = {"concepts": [], "strengths": [], "pictures": ["dev 1"], "plain": [], "clamped": [], "works": []}
    captions = [{"caption": "a", "best": {"unedited": ["test 3", "test 0"], "edited": ["test 3"]}, "kept": []}]
    write_json(results / "scenes" / "80_explorer.json", {"latents": [], "captions": captions, "clamps": clamps})
    page = shown()
    assert "<style>main { \n:root" in page and 'href="index.html"' in page and page.count("data:image") == 0
    pictures = json.loads(page.split('id="data">')[1].split("</script>")[0])["pictures"]
    assert {key: one["src"] for key, one in pictures.items()} == {
        "test 3": "pictures/test-3.webp",
        "test 0": "pictures/test-0.webp",
        "dev 1": "pictures/dev-1.webp",
    }
    drawn = scenes("test", 4)
    assert drawn.captions is not None and drawn.images is not None
    assert pictures["test 3"]["alt"] == drawn.captions[3][0]
    size = Image.open(tmp_path / "site" / "pictures" / "test-3.webp").size
    assert size == drawn.images[3].size


def test_addresses() -> None:
    assert address(NOTEBOOKS / "00_start_here.ipynb") == "00_start_here.html"
    assert address(ROOT / "lib" / "data" / "pairs.py") == "source/lib/data/pairs.py.html"
    assert address(ROOT / "benchmarks" / "speed.png") == "source/benchmarks/speed.png"
