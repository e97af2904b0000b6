"""The static site in a browser: every page from the index on, in light and in dark, and every link that it has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from lib.data.files import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOOK = (Path(__file__).parent / "look.js").read_text()
"""A function: what a page holds, and what of its text cannot be read on its ground."""

SHOWN = ("index.html", "10_monosemanticity.html", "80_explorer.html", "source/lib/sae/topk.py.html")
"""Pages of which screenshots are kept."""


@dataclass
class Visit:
    """What a browser saw of a page. light, dark: what LOOK returned. trouble: errors, and requests that failed or left
    the site."""

    light: dict[str, Any] = field(default_factory=dict)
    dark: dict[str, Any] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)


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
    """Every page that can be reached from the index, by its address in the site."""
    page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
    found: dict[str, Visit] = {}
    todo = ["index.html"]
    while todo:
        name = todo.pop()
        found[name] = visit(page, url, name)
        for theme in ("light", "dark") if name in SHOWN else ():
            page.emulate_media(color_scheme=theme)
            screenshot(page, f"site-{Path(name).name}-{theme}")
        inside = {
            unquote(urldefrag(link)[0]).removeprefix(url) for link in found[name].light["links"] if link.startswith(url)
        }
        todo = sorted({*todo, *inside} - set(found))
    page.context.close()
    return found


def visit(page: Page, url: str, name: str) -> Visit:
    """Open one page and look at it in both themes."""
    seen = Visit()

    def error(message: ConsoleMessage) -> None:
        if message.type == "error":
            seen.trouble.append(message.text)

    def response(answer: Response) -> None:
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
    page.emulate_media(color_scheme="light")
    page.goto(url + name)
    seen.light = page.evaluate(LOOK)
    page.emulate_media(color_scheme="dark")
    seen.dark = page.evaluate(LOOK)
    for event, handler in handlers.items():
        page.remove_listener(event, handler)
    return seen


def test_every_page_is_reached_from_the_index(site: Path, visits: dict[str, Visit]) -> None:
    written = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.suffix == ".html"}
    assert len(written) > 50
    assert {name for name in visits if name.endswith(".html")} == written


def test_no_page_fails_or_asks_for_anything_elsewhere(visits: dict[str, Visit]) -> None:
    assert {name: seen.trouble for name, seen in visits.items() if seen.trouble} == {}


def test_every_link_leads_somewhere(url: str, visits: dict[str, Visit]) -> None:
    broken = []
    for name, seen in visits.items():
        for link in seen.light["links"]:
            target, anchor = urldefrag(link)
            if not link.startswith(url):
                broken += [] if urlsplit(link).scheme == "https" else [(name, link)]
            elif anchor and not {anchor, unquote(anchor)} & {*visits[unquote(target).removeprefix(url)].light["ids"]}:
                broken.append((name, link))
    assert broken == []


def test_dark_is_dark_and_text_can_be_read_in_both(visits: dict[str, Visit]) -> None:
    pages = {name: seen for name, seen in visits.items() if name.endswith(".html")}
    assert {name for name, seen in pages.items() if not seen.light["ground"] > 0.8 > 0.2 > seen.dark["ground"]} == set()
    faint = {name: seen.light["faint"] + seen.dark["faint"] for name, seen in pages.items()}
    assert {name: texts for name, texts in faint.items() if texts} == {}


def test_pictures_are_shown_and_described(visits: dict[str, Visit]) -> None:
    pictures = {name: seen.light["pictures"] for name, seen in visits.items() if name.endswith(".html")}
    assert sum(map(len, pictures.values())) > 50
    for name, shown in pictures.items():
        assert [one for one in shown if not one["wide"]] == [], name
        assert [one for one in shown if not one["alt"] or "No description" in one["alt"]] == [], name


def test_pages_fit_a_narrow_window(browser: Browser, url: str) -> None:
    page = browser.new_context(viewport={"width": 400, "height": 800}).new_page()
    for name in SHOWN:
        page.goto(url + name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, name
    page.context.close()
