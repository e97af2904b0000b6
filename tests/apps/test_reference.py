"""The reference has a page per module and a front page of all rooms, fetches nothing, and names no folder of ours."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from lib.apps import reference
from lib.apps.reference import module_names, module_page, without_paths, write_reference
from lib.apps.site.book import read_book
from lib.apps.site.write_site import write_index
from lib.base.files import ROOT
from lib.run import cli
from tests.apps.site.test_write_site import Links
from tests.test_house import ROOMS

FEW = [*(f"lib.{room}" for room in ROOMS), "lib.base.names", "lib.base.places", "lib.sae.codes", "lib.metrics.firing"]
ELSEWHERE = re.compile(
    r'(?:src|srcset|data|action)="(?:https?:)?//|<link[^>]*href="(?:https?:)?//|url\((?:https?:)?//|@import'
)


def check(folder: Path, modules: list[str]) -> None:
    """What holds of every reference."""
    front = (folder / "api" / "index.html").read_text()
    for room in ROOMS:
        assert f'<h2><a href="lib/{room}.html">lib.{room}</a></h2><p>' in front
    for name in modules:
        text = (folder / "api" / module_page(name)).read_text()
        assert not ELSEWHERE.search(text), name
        assert without_paths(text) == text and str(Path.home()) not in text, name


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "module_names", lambda: sorted(FEW))


def test_a_part_of_it(few: None, tmp_path: Path) -> None:
    answer = CliRunner().invoke(cli.app, ["reference", str(tmp_path)])
    assert answer.exit_code == 0 and f"{len(FEW) + 2} pages; open" in answer.output
    check(tmp_path, FEW)
    codes = (tmp_path / "api" / "lib" / "sae" / "codes.html").read_text()
    assert "SparseCodes" in codes and "from_matrix" in codes and "Examples" in codes
    places = (tmp_path / "api" / "lib" / "base" / "places.html").read_text()
    assert re.search(r"PosixPath\((&#39;|&#34;)notebooks\1\)", places)  # the other quotes if a path has an apostrophe


def test_the_index_links_to_it_in_either_order(few: None, tmp_path: Path) -> None:
    link = '<a href="api/index.html">'
    (tmp_path / "a").mkdir()
    write_index(tmp_path / "a", read_book())
    assert link not in (tmp_path / "a" / "index.html").read_text()
    write_reference(tmp_path / "a")
    assert link in (tmp_path / "a" / "index.html").read_text()
    write_reference(tmp_path / "b")
    assert not (tmp_path / "b" / "index.html").exists()
    write_index(tmp_path / "b", read_book())
    assert link in (tmp_path / "b" / "index.html").read_text()


def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "module_names", lambda: ["lib.base.errors", "lib.base.no_such_module"])
    write_reference(tmp_path)
    assert "cannot import them: lib.base.no_such_module." in (tmp_path / "api" / "index.html").read_text()


def test_every_module_has_a_name_and_no_path_stays() -> None:
    names = module_names()
    assert "lib" in names and "lib.sae.models.topk" in names and "lib.__main__" not in names
    assert names == sorted(set(names))
    assert without_paths(f"a {ROOT}/lib/x.py b {ROOT} c") == "a lib/x.py b . c"


@pytest.mark.parametrize("written", ["/a path of Zoë's", "/a path of Zoë&#39;s", r"/a path of Zo\u00eb's"])
def test_no_path_with_a_quote_stays(written: str) -> None:
    assert without_paths(f"x {written}/lib/x.py y {written}", Path("/a path of Zoë's")) == "x lib/x.py y ."


@pytest.mark.slow
def test_all_of_it(tmp_path: Path) -> None:
    pages = write_reference(tmp_path)
    made = [name for name in module_names() if (tmp_path / "api" / module_page(name)).is_file()]
    assert set(module_names()) - set(made) <= {"lib.sae.triton_products"}  # needs Triton, which needs a GPU's driver
    check(tmp_path, made)
    broken = []
    for page in pages:
        for link in Links(page.read_text()).found if page.suffix == ".html" else ():
            parts = urlsplit(link)
            if not parts.scheme and parts.path and not (page.parent / parts.path).resolve().is_file():
                broken.append((page.name, link))
    broken = [(page, link) for page, link in broken if page != "index.html" or not link.startswith("../")]  # the site
    assert set(broken) <= {("manifest.html", "../concepts/models.md")}  # in a docstring of pydantic's
