"""The page of slides in a browser: keys turn them, and an address is that of a slide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from lib.apps.site import write_site
from lib.apps.site.site_page import STYLE
from lib.apps.site.slides import Slide, slides_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HIGH, LAST = 3, 6
"""Numbers of the slide that is higher than the window, and of the last one."""

WHERE = """() => {
    const slide = document.activeElement;
    return [location.hash, slide.id, Math.round(slide.getBoundingClientRect().top)];
}"""
"""The anchor of the address, the element that has the focus, and how far that is below the top of the window."""


@pytest.fixture
def deck(page: Page, tmp_path: Path) -> str:
    """The address of a few slides; the last has a figure, which loads as the reader comes to it."""
    bodies = ["<p>Text.</p>"] * LAST
    bodies[HIGH - 1] = f"<table>{'<tr><td>A row.</td></tr>' * 60}</table>"
    bodies[LAST - 1] = '<img src="figure.webp" width="40" height="30" loading="lazy" alt="A grey figure.">'
    Image.new("RGB", (40, 30), "grey").save(tmp_path / "figure.webp")
    (tmp_path / STYLE).write_bytes(Path(write_site.__file__).with_name(STYLE).read_bytes())
    file = tmp_path / "slides.html"
    slides = [Slide(f"Slide {number}", body) for number, body in enumerate(bodies, 1)]
    file.write_text(slides_page("Title", "notebook.html", slides), encoding="utf-8")
    return file.as_uri()


def turn(page: Page, key: str, number: int) -> None:
    """Press a key that must lead to this slide."""
    page.keyboard.press(key)
    assert page.evaluate(WHERE) == [f"#slide-{number}", f"slide-{number}", 0], key


def test_keys_turn_the_slides(page: Page, deck: str, screenshot: Callable[[Page, str], None]) -> None:
    """None leads past the first or the last one, and those with Alt are left to the browser."""
    page.goto(deck)
    for key in ("ArrowLeft", "PageUp", "Home"):
        turn(page, key, 1)
    for key, number in {"ArrowRight": 2, "PageDown": 3, "Alt+ArrowRight": 3, "ArrowLeft": 2, "PageUp": 1}.items():
        turn(page, key, number)
    for key in ("End", "ArrowRight", "PageDown"):
        turn(page, key, LAST)
    turn(page, "Home", 1)
    screenshot(page, "slides-light")
    page.emulate_media(color_scheme="dark")
    screenshot(page, "slides-dark")


@pytest.mark.parametrize(("key", "number"), [("ArrowRight", HIGH + 1), ("ArrowLeft", HIGH - 1)])
def test_keys_turn_from_the_slide_that_is_read(page: Page, deck: str, key: str, number: int) -> None:
    """The address opens a slide, and the reader has scrolled down in it."""
    page.goto(f"{deck}#slide-{HIGH}")
    top = f"document.getElementById('slide-{HIGH}').getBoundingClientRect().top"
    page.wait_for_function(f"Math.abs({top}) < 1")
    page.evaluate("scrollBy(0, innerHeight / 2)")
    assert page.evaluate(top) < 0
    turn(page, key, number)
