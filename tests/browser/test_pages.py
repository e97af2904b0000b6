"""The static site in a browser: every page from a phone to a projector, in light and in dark, and every link."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from lib.base.files import ROOT
from lib.base.places import NOTEBOOKS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOOK = (Path(__file__).parent / "look.js").read_text()
"""A function: what a page holds, and what of its text cannot be read on its ground."""

LOADED = """Promise.all([...document.images].map(picture => {
    picture.loading = "eager";
    return picture.decode().catch(() => 0);
}))"""
"""Waits for all pictures, those out of sight as well; one that cannot be shown is found by its width."""

WIDTHS = (390, 1280, 1920)
"""A phone, a laptop and a projector, in pixels."""

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

DOCS = "source/docs/{}.md.html"
SHOWN = ("index.html", "10_monosemanticity.html", DOCS.format("scoreboard"), "explorer.html")
"""Pages of which screenshots are kept."""

CHECKED = (
    *SHOWN,
    "search.html",
    "40_controlled_captions.html",
    "10_monosemanticity-slides.html",
    DOCS.format("glossary"),
    "source/lib/sae/models/topk.py.html",
)
"""One page of each kind, for the rules of axe-core."""

PROJECTOR = {"width": 1280, "height": 720}
"""The window that every slide fits."""

TOO_LARGE = """[...document.querySelectorAll(".slides section")].filter(slide => {
    const boxes = [slide, ...slide.querySelectorAll(".lines pre")];
    const high = slide.offsetHeight > innerHeight + 1 && !slide.querySelector("table");
    return high || boxes.some(box => box.scrollWidth > box.clientWidth + 1);
}).map(slide => slide.id)"""
"""Slides that are larger than the window. A slide with a table may be higher, since the page scrolls to its end."""

TOO_MUCH = 1_000_000
"""Bytes that a page may take with its figures."""

WORDS = {
    "monosemanticity": "10_monosemanticity.html",
    "superposition": DOCS.format("glossary"),
    "steering LLaVA": "12_steering.html",
    "VL-SAE": "20_concepts.html",
    "hallucination": "22_hallucination.html",
    "group norm": "30_split_dictionaries.html",
    "sounds": "32_audio.html",
    "oracle mask": "40_controlled_captions.html",
    "Slurm": DOCS.format("cluster"),
    "own-pictures": DOCS.format("pictures"),
}
"""What is searched for, and a page that must be found."""


@dataclass
class Visit:
    """What a browser saw of a page. light, dark: what LOOK returned. trouble: errors, and requests that failed or left
    the site. wider: windows that the page did not fit. size: bytes of all that was loaded."""

    light: dict[str, Any] = field(default_factory=dict)
    dark: dict[str, Any] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    wider: list[str] = field(default_factory=list)
    size: int = 0


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that logs nothing."""

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site as `make html` writes it."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "lib", "site", str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    """Where the site is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def visits(browser: Browser, url: str, screenshot: Callable[[Page, str], None]) -> dict[str, Visit]:
    """Every page that can be reached from the front page, by its address in the site."""
    page = browser.new_context().new_page()
    found: dict[str, Visit] = {}
    todo = ["index.html"]
    while todo:
        name = todo.pop()
        found[name] = visit(page, url, name, screenshot if name in SHOWN else None)
        inside = {
            unquote(urldefrag(link)[0]).removeprefix(url) for link in found[name].light["links"] if link.startswith(url)
        }
        todo = sorted({*todo, *inside} - set(found))
    page.context.close()
    return found


def visit(page: Page, url: str, name: str, screenshot: Callable[[Page, str], None] | None) -> Visit:
    """Open one page and look at it in windows of all widths and in both themes."""
    seen = Visit()

    def error(message: ConsoleMessage) -> None:
        if message.type == "error":
            seen.trouble.append(message.text)

    def response(answer: Response) -> None:
        seen.size += int(answer.headers.get("content-length", 0))
        if answer.status >= 400:
            seen.trouble.append(f"{answer.status} {answer.url}")

    def request(asked: Request) -> None:
        if not asked.url.startswith((url, "data:")):
            seen.trouble.append(f"asks for {asked.url}")

    handlers = {
        "console": error,
        "response": response,
        "request": request,
        "requestfailed": lambda asked: seen.trouble.append(f"failed: {asked.url}"),
        "pageerror": lambda raised: seen.trouble.append(str(raised)),
    }
    for event, handler in handlers.items():
        page.on(event, handler)
    page.goto(url + name)
    page.evaluate(LOADED)
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                seen.wider.append(f"{width} {theme}")
            if screenshot:
                screenshot(page, f"site-{Path(name).name}-{theme}-{width}")
        setattr(seen, theme, page.evaluate(LOOK))
    for event, handler in handlers.items():
        page.remove_listener(event, handler)
    return seen


def pages_of(visits: dict[str, Visit]) -> dict[str, Visit]:
    """The visits of pages, without those of pictures that are linked."""
    return {name: seen for name, seen in visits.items() if name.endswith(".html")}


def test_every_page_is_reached_from_the_front_page(site: Path, visits: dict[str, Visit]) -> None:
    written = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.suffix == ".html"}
    assert len(written) > 50
    assert {*pages_of(visits), "search.html"} == written  # a form leads to the search


def test_no_page_fails_or_asks_for_anything_elsewhere(visits: dict[str, Visit]) -> None:
    assert {name: seen.trouble for name, seen in visits.items() if seen.trouble} == {}


def test_every_link_leads_somewhere(url: str, visits: dict[str, Visit]) -> None:
    """An anchor such as `latent=3` is an address of a view of the explorer, whose own test opens one."""
    broken = []
    for name, seen in visits.items():
        for link in seen.light["links"]:
            target, anchor = urldefrag(link)
            if "=" in anchor:
                continue
            if not link.startswith(url):
                broken += [] if urlsplit(link).scheme == "https" else [(name, link)]
            elif anchor and not {anchor, unquote(anchor)} & {*visits[unquote(target).removeprefix(url)].light["ids"]}:
                broken.append((name, link))
    assert broken == []


def test_no_page_is_wider_than_the_window(visits: dict[str, Visit]) -> None:
    assert {name: seen.wider for name, seen in pages_of(visits).items() if seen.wider} == {}


def test_pages_are_light_on_the_line(visits: dict[str, Visit]) -> None:
    assert {name: seen.size for name, seen in pages_of(visits).items() if seen.size > TOO_MUCH} == {}


def test_dark_is_dark_and_text_can_be_read_in_both(visits: dict[str, Visit]) -> None:
    pages = pages_of(visits)
    assert {name for name, seen in pages.items() if not seen.light["ground"] > 0.8 > 0.2 > seen.dark["ground"]} == set()
    faint = {name: seen.light["faint"] + seen.dark["faint"] for name, seen in pages.items()}
    assert {name: texts for name, texts in faint.items() if texts} == {}


def test_pictures_are_shown_and_described(visits: dict[str, Visit]) -> None:
    pictures = {name: seen.light["pictures"] for name, seen in pages_of(visits).items()}
    assert sum(map(len, pictures.values())) > 50
    for name, shown in pictures.items():
        assert [one for one in shown if not one["wide"]] == [], name
        assert [one for one in shown if not one["alt"] or "No description" in one["alt"]] == [], name


def test_every_slide_fits_a_small_projector(page: Page, url: str, site: Path) -> None:
    decks = [path.name for path in sorted(site.glob("*-slides.html"))]
    assert len(decks) == len(list(NOTEBOOKS.glob("*.ipynb")))
    page.set_viewport_size(PROJECTOR)
    found = {}
    for name in decks:
        page.goto(url + name)
        page.evaluate(LOADED)
        found[name] = page.evaluate(TOO_LARGE)
        small = page.evaluate("[...document.images].filter(picture => picture.height < innerHeight / 2).length")
        assert small == 0, name
    assert {name: slides for name, slides in found.items() if slides} == {}


@pytest.mark.parametrize("name", CHECKED)
def test_axe_finds_nothing_serious(browser: Browser, url: str, name: str) -> None:
    why = "axe-playwright-python is not installed; `make browser` installs it"
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=why).Axe()
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(url + name)
    found = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        options = {"resultTypes": ["violations"]} if theme == "light" else {"runOnly": ["color-contrast"]}
        for one in axe.run(page, options=options).response["violations"]:
            if one["impact"] in ("serious", "critical"):
                found += [(theme, one["id"], node["html"][:120]) for node in one["nodes"]]
    page.context.close()
    assert found == []


def test_the_search_finds(page: Page, url: str) -> None:
    for words, wanted in WORDS.items():
        page.goto(url)
        page.get_by_role("searchbox").fill(words)
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=*")
        found = page.locator("#found a").evaluate_all("all => all.map(link => link.getAttribute('href').split('#')[0])")
        assert wanted in found[:20], words
    page.get_by_role("searchbox", name="Words that a section").fill("nosuchword")
    assert page.get_by_role("status").inner_text() == "No section holds all of these words."


def test_the_search_needs_no_server(page: Page, site: Path) -> None:
    page.goto((site / "10_monosemanticity.html").as_uri())
    page.get_by_role("searchbox").fill("superposition")
    page.get_by_role("button", name="Search").click()
    page.locator("#found a", has_text="Glossary").first.click()
    page.get_by_role("heading", name="Glossary", level=1).wait_for()


def test_keys_are_enough(page: Page, url: str) -> None:
    page.goto(f"{url}10_monosemanticity.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the text"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#text"
    here = page.locator("#menu [aria-current]")
    assert here.count() == 1 and here.inner_text().startswith("10 · ")
    page.locator("details.code summary").first.press("Enter")
    assert page.locator("details.code").first.get_attribute("open") is not None
    page.get_by_role("link", name="11 · ").last.press("Enter")
    page.wait_for_url("**/11_hierarchy.html")
    page.get_by_role("link", name="← 10 · ").press("Enter")
    page.wait_for_url("**/10_monosemanticity.html")
