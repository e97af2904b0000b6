"""Headless Chromium, and a JupyterLab server on copies of the notebooks. Without a browser all of it is skipped."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import nbformat
import pytest

from lib.base.files import ROOT
from lib.base.places import NOTEBOOKS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
"""Names of the command, as distributions call it."""

TOKEN = "browser-tests"

START = 120
"""Seconds that a JupyterLab server may take to answer."""

SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # every cell is in the page, seen or not
    "apputils-extension/notification": {"fetchNews": "false"},
}
"""Of JupyterLab, for tests: the extension's schema to its values."""

PICTURES = """Promise.all([...document.images].map(picture => {
    picture.loading = "eager";
    return picture.decode();
}))"""
"""Waits for all pictures. One that loads as the reader comes to it would never be decoded while it is out of sight."""


@dataclass(frozen=True)
class Lab:
    """A running server. folder: the notebooks that it shows, copies without outputs."""

    folder: Path
    url: str

    def address(self, name: str) -> str:
        """Where a browser opens a notebook, alone in a new workspace."""
        return f"{self.url}/lab/tree/notebooks/{name}?token={TOKEN}&reset"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, the one that the system has."""
    why = "Playwright is not installed; `make browser` installs it"
    playwright = pytest.importorskip("playwright.sync_api", reason=why)
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        pytest.skip("no Chromium on the PATH; on Debian or Ubuntu: apt install chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new window."""
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def screenshot(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Page | Locator, str], None]:
    """Keeps what a window or a part of it shows as NAME.png in `COMPANION_SCREENSHOTS`, or in pytest's folder."""
    folder = Path(os.environ.get("COMPANION_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)

    def keep(shown: Page | Locator, name: str) -> None:
        getattr(shown, "page", shown).wait_for_function(PICTURES)  # this gives up after a while, unlike evaluate
        shown.screenshot(path=folder / f"{name}.png")
        assert (folder / f"{name}.png").stat().st_size > 0

    return keep


@pytest.fixture(scope="session")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab as `make lab` starts it, on copies, with settings, cache and results of its own."""
    home = tmp_path_factory.mktemp("lab")
    server = Lab(home / "repository" / "notebooks", f"http://127.0.0.1:{_free_port()}")
    _copy_notebooks(server.folder)
    for name, values in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    command = [sys.executable, "-m", "jupyterlab", str(server.folder.parent), "--no-browser", "--allow-root"]
    command += [f"--port={server.url.rsplit(':', 1)[1]}", "--port-retries=0", f"--IdentityProvider.token={TOKEN}"]
    with open(home / "log", "w") as log:
        process = subprocess.Popen(command, env=_environment(home), stdout=log, stderr=log)
    try:
        _wait(server, process, home / "log")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _copy_notebooks(folder: Path) -> None:
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "docs" / "drawings", folder.parent / "docs" / "drawings")  # notebooks show them
    for path in NOTEBOOKS.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / path.name)


def _environment(home: Path) -> dict[str, str]:
    """Without the backend that tests draw with: notebooks show their figures."""
    places = {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "COMPANION_CACHE": "cache",
        "COMPANION_RESULTS": "results",
    }
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    return kept | {name: str(home / folder) for name, folder in places.items()}


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _wait(server: Lab, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers; if it ends or never does, the error is what it logged."""
    for _ in range(START * 2):
        if process.poll() is not None:
            break
        try:
            with urlopen(f"{server.url}/api/status?token={TOKEN}"):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
