"""The explorer without a kernel: a file that a browser opens from the disk, and that answers to its controls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lib.run.studies.explorer_page import explorer_page
from tests.run.studies.small_explorer import shorten_page, small_parts, small_session

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LATENTS, CAPTIONS = 3, 2
ASKED = "a red </script><b>cat</b>"


@pytest.fixture
def file(browser: Browser, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page of a small world."""
    shorten_page(monkeypatch, LATENTS, CAPTIONS)
    path = tmp_path / "explorer.html"
    path.write_text(explorer_page(*small_parts(small_session(monkeypatch)), asked=[ASKED]), encoding="utf-8")
    return path


@pytest.fixture
def trouble(page: Page) -> list[str]:
    """What goes wrong in the window from now on, and every request but that for the file itself."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda raised: found.append(str(raised)))
    page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else found.append(asked.url))
    page.on("requestfailed", lambda asked: found.append(f"failed: {asked.url[:100]}"))
    return found


def seen(section: Locator) -> str:
    """What a section shows."""
    return section.locator(".shown").inner_html()


def test_the_page_answers_to_its_controls(
    file: Path, page: Page, trouble: list[str], screenshot: Callable[[Page | Locator, str], None]
) -> None:
    page.goto(file.as_uri())
    latents, captions, clamps = (page.locator(f"#{name}") for name in ("latents", "captions", "clamps"))

    slider, pages = latents.get_by_role("slider"), [seen(latents)]
    for _ in range(LATENTS - 1):
        slider.press("ArrowRight")
        pages.append(seen(latents))
    assert len(set(pages)) == LATENTS
    slider.press("ArrowRight")
    assert seen(latents) == pages[-1], "the slider went past the last latent"
    slider.press("Home")
    assert seen(latents) == pages[0]

    choice, pages = captions.get_by_role("combobox"), []
    assert choice.locator("option").count() == 1 + CAPTIONS
    assert choice.locator("option").first.inner_text() == ASKED
    for place in range(1 + CAPTIONS):
        choice.select_option(index=place)
        pages.append(seen(captions))
    assert len(set(pages)) == 1 + CAPTIONS
    assert captions.locator("figcaption").all_inner_texts() == ["unedited", "edited"]

    concept, (strength, picture) = clamps.get_by_role("combobox"), clamps.get_by_role("slider").all()
    said = clamps.locator("tr").nth(1).locator("td").first
    for which in range(concept.locator("option").count()):
        concept.select_option(index=which)
        assert said.inner_text() == f"{concept.locator('option').nth(which).inner_text()}, strength 2"
    strength.press("ArrowRight")
    assert said.inner_text().endswith(", strength 4")
    before = clamps.locator("img").get_attribute("src")
    picture.press("ArrowRight")
    assert clamps.locator("img").get_attribute("src") != before
    assert all(clamps.locator("tr td:last-child").all_inner_texts())

    shown = page.locator("img").evaluate_all("all => all.map(picture => picture.naturalWidth && picture.alt)")
    assert len(shown) == 8 + 2 * 8 + 1 and all(shown)
    screenshot(page.locator("main"), "explorer-page")
    page.emulate_media(color_scheme="dark")
    screenshot(page.locator("main"), "explorer-page-dark")
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert trouble == []
