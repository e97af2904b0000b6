"""A reader's first minutes: JupyterLab opens, notebook 00 runs to its end, the explorer answers to its sliders."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.browser.conftest import Lab

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Screenshot = Callable[["Page | Locator", str], None]

RUN = 240_000
"""Milliseconds that a notebook may take."""

FAILED = '[data-mime-type="application/vnd.jupyter.error"]'
PROMPT = ".jp-CodeCell .jp-InputArea-prompt"

OVER = f"""() => document.querySelector('{FAILED}') ||
    [...document.querySelectorAll('{PROMPT}')].every(prompt => /\\d/.test(prompt.innerText))"""
"""Whether a cell failed, or every cell has its number."""

SMALL = {
    'profile: str = "scenes"': 'profile: str = "scenes splits.train=200 splits.dev=60 splits.test=120 '
    'sae.steps=10 sae.batch=64 seeds=[0]"',
    "interactive: bool = False": "interactive: bool = True",
}
"""Parameters of the explorer for a test."""

SHORTER = """\
from dataclasses import replace

from lib.papers.p1 import n12_steering as studied
from lib.papers.p2 import two_tower_dictionaries
from lib.papers.p4 import editing_pairs, settings

two_tower_dictionaries.DEFAULT_STEPS = studied.PATCH_STEPS = 5
studied.PATCH_PICTURES, studied.LEAST_PATCHES, studied.LEAST_LIFT, editing_pairs.TRAINING_SCENES = 40, 1, 0.0, 200
settings.MASKER_ARMS[explore.EDITOR] = replace(settings.MASKER_ARMS[explore.EDITOR], steps=3, batch=32)
"""
"""A cell that makes training short, so that the test needs no cache: pages are tested, not what is on them."""


def run_all(page: Page, address: str) -> None:
    """Open a notebook and choose Run > Run All Cells, as a reader does; no cell may fail."""
    page.goto(address)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)  # who runs earlier is asked for a kernel
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(r"^Run$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile(r"^Run All Cells$")).click()
    page.wait_for_function(OVER, timeout=RUN)
    assert page.locator(FAILED).all_inner_texts() == []


def test_notebook_00_runs_to_its_end(lab: Lab, page: Page, screenshot: Screenshot) -> None:
    run_all(page, lab.address("00_start_here.ipynb"))
    screenshot(page, "lab-00-top")
    notebook = nbformat.read(lab.folder / "00_start_here.ipynb", as_version=4)
    assert page.locator(PROMPT).count() == sum(cell.cell_type == "code" for cell in notebook.cells)
    assert page.get_by_text("companion · notebook 00 · profile scenes").is_visible()
    said = page.get_by_text("[yes] at least six of eight are right")
    said.scroll_into_view_if_needed()
    assert said.is_visible()
    pictures = page.locator(".jp-RenderedImage img")
    assert pictures.count() == 1 and pictures.first.evaluate("picture => picture.naturalWidth") > 0
    screenshot(page, "lab-00-end")


def test_links_between_notebooks_open_the_next_one(lab: Lab, page: Page) -> None:
    page.goto(lab.address("00_start_here.ipynb"))
    page.get_by_role("link", name="01, the scenes world").click()
    page.get_by_role("heading", name="01 · The scenes world and its embeddings").wait_for(timeout=60_000)


def small_explorer(lab: Lab) -> str:
    """The explorer as a reader sets it, `interactive = True`, and with little training. Returns its address."""
    path = lab.folder / "80_explorer.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for old, new in SMALL.items():
        assert notebook.cells[1].source.count(old) == 1
        notebook.cells[1].source = notebook.cells[1].source.replace(old, new)
    notebook.cells.insert(3, nbformat.v4.new_code_cell(SHORTER))
    nbformat.write(notebook, lab.folder / "explorer.ipynb")
    return lab.address("explorer.ipynb")


def facts(latent: Locator) -> dict[str, float]:
    """The numbers of a latent's page; there is one page, not one below the other."""
    text = latent.locator("pre").first.inner_text()
    found = re.findall(r"^(latent|score) +([\d.]+)$", text, re.MULTILINE)
    assert len(found) == len(dict(found)) == 2, text
    return {name: float(value) for name, value in found}


def test_the_explorer_answers_to_its_sliders(lab: Lab, page: Page, screenshot: Screenshot) -> None:
    from playwright.sync_api import expect

    run_all(page, small_explorer(lab))
    latent, caption, clamp = (page.locator(".widget-interact").nth(place) for place in range(3))

    picture = latent.locator("img")
    before, shown = facts(latent), picture.get_attribute("src") or ""
    latent.get_by_role("slider").press("ArrowRight")
    expect(picture).not_to_have_attribute("src", shown)
    after = facts(latent)
    assert after["latent"] != before["latent"] and after["score"] <= before["score"]
    screenshot(latent, "explorer-latent")
    latent.get_by_role("slider").press("ArrowLeft")
    expect(picture).to_have_attribute("src", shown)
    assert facts(latent) == before

    picture = caption.locator("img")
    shown = picture.get_attribute("src") or ""
    caption.get_by_role("textbox").fill("a blue dog")
    caption.get_by_role("textbox").press("Enter")
    expect(picture).not_to_have_attribute("src", shown)
    expect(caption.locator("table")).to_contain_text("mask")
    screenshot(caption, "explorer-caption")

    answer, sliders = clamp.locator("pre").last, clamp.get_by_role("slider")
    expect(answer).to_contain_text(re.compile(r"strength [\d.]+\n"))
    opened = re.search(r"strength ([\d.]+)\n", answer.inner_text())
    assert opened is not None
    sliders.nth(0).press("ArrowLeft")
    expect(answer).to_contain_text(f"strength {float(opened[1]) - 0.5:g}\n")
    shown = clamp.locator("img").get_attribute("src") or ""
    sliders.nth(1).press("ArrowRight")
    expect(clamp.locator("img")).not_to_have_attribute("src", shown)
    expect(answer).to_contain_text(re.compile(r"plain: \w.*clamped: \w", re.DOTALL))
    screenshot(clamp, "explorer-clamp")
