"""The explorer without a kernel: a file that a browser opens from the disk, and that answers to its controls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lib.apps.explorer.explorer_page import explorer_data, read_pictures, render_explorer
from tests.apps.explorer.small_explorer import shorten_page, small_parts, small_session

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
    session = small_session(monkeypatch)
    data = explorer_data(*small_parts(session), asked=[ASKED])
    path.write_text(render_explorer(data, read_pictures(data, session.world)), encoding="utf-8")
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
    latents_change(latents)
    latents_are_found_and_have_addresses(page, latents)
    captions_change(captions)
    clamps_change(clamps)

    shown = page.locator("img").evaluate_all("all => all.map(picture => picture.naturalWidth && picture.alt)")
    assert len(shown) == 5 * 4 + 2 * 8 + 1 and all(shown)
    screenshot(page.locator("main"), "explorer-page")
    page.emulate_media(color_scheme="dark")
    screenshot(page.locator("main"), "explorer-page-dark")
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert trouble == []


def latents_change(latents: Locator) -> None:
    """The slider leads through all latents and ends at the last one."""
    slider = latents.get_by_role("slider")
    slider.press("Home")
    pages = [seen(latents)]
    for _ in range(LATENTS - 1):
        slider.press("ArrowRight")
        pages.append(seen(latents))
    assert len(set(pages)) == LATENTS
    slider.press("ArrowRight")
    assert seen(latents) == pages[-1], "the slider went past the last latent"
    slider.press("Home")
    assert seen(latents) == pages[0]


def latents_are_found_and_have_addresses(page: Page, latents: Locator) -> None:
    """A neighbour is a link, an address keeps its latent, and a word finds latents."""
    slider, search = latents.get_by_role("slider"), latents.get_by_role("searchbox")
    assert "latent=" in page.evaluate("location.hash")
    neighbour = latents.locator(".shown a").first
    number = neighbour.get_attribute("href").removeprefix("#latent=")
    neighbour.click()
    assert latents.locator(".shown td").nth(1).inner_text() == number
    address = page.evaluate("document.getElementById('link').href")
    slider.press("End" if slider.input_value() == "0" else "Home")
    assert latents.locator(".shown td").nth(1).inner_text() != number
    page.goto(address)
    assert latents.locator(".shown td").nth(1).inner_text() == number, "the address keeps the latent"
    search.fill(latents.locator(".shown li").first.inner_text().split()[-1])
    assert latents.locator(".found a").count() >= 1
    search.fill("no such word")
    assert latents.locator(".found").inner_text() == "no latent of this page"


def captions_change(captions: Locator) -> None:
    """Each caption shows its own pictures, unedited and edited."""
    choice, pages = captions.get_by_role("combobox"), []
    assert choice.locator("option").count() == 1 + CAPTIONS
    assert choice.locator("option").first.inner_text() == ASKED
    for place in range(1 + CAPTIONS):
        choice.select_option(index=place)
        pages.append(seen(captions))
    assert len(set(pages)) == 1 + CAPTIONS
    assert captions.locator("figcaption").all_inner_texts() == ["unedited", "edited"]


def clamps_change(clamps: Locator) -> None:
    """Concept, strength and picture change what is said and shown."""
    concept, (strength, picture) = clamps.get_by_role("combobox"), clamps.get_by_role("slider").all()
    said = clamps.locator("tr").nth(1).locator("td").first
    strength.press("Home")
    for which in range(concept.locator("option").count()):
        concept.select_option(index=which)
        assert said.inner_text() == f"{concept.locator('option').nth(which).inner_text()}, strength 1"
    strength.press("ArrowRight")
    assert said.inner_text().endswith(", strength 2")
    picture.press("Home")
    before = clamps.locator("img").get_attribute("src")
    picture.press("ArrowRight")
    assert clamps.locator("img").get_attribute("src") != before
    assert all(clamps.locator("tr td:last-child").all_inner_texts())
