"""The house keeps its order: rooms import one way, papers stand alone, no circles, no name twice (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import nbformat
import pytest

from lib.base.files import ROOT
from lib.base.places import NOTEBOOKS, notebook_number

ROOMS = ["base", "data", "encoders", "sae", "editing", "metrics", "report", "worlds", "papers", "apps", "run"]
"""In this order: a room imports only from itself and from those before it."""

PAPERS = {"0": "start"} | {path.name[1:]: path.name for path in (ROOT / "lib" / "papers").glob("p?")}
"""The folder of `lib/papers` that belongs to the notebooks whose number begins with a digit."""

SOURCES = sorted((ROOT / "lib").rglob("*.py"))


def imported(tree: ast.Module) -> Iterator[str]:
    """Dotted names of everything that a source imports, late imports included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the room"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(text: str) -> list[list[str]]:
    """The imports of a source from `lib`, each as its parts: ["lib", "sae", "codes", ...]."""
    names = set(imported(ast.parse(text)))
    return sorted(name.split(".") for name in names if name.startswith("lib."))


def wrong_way(path: Path, text: str) -> list[str]:
    """Imports of a lib file from rooms that come after its own, or from another paper's folder."""
    room, *rest = path.relative_to(ROOT / "lib").parts
    after = ROOMS[ROOMS.index(room) + 1 :]
    wrong = [name for name in ours(text) if name[1] in after or name[1] not in ROOMS]
    if room == "papers":
        wrong += [name for name in ours(text) if name[1] == room and name[2:3] not in ([rest[0]], ["common"], [])]
    return [".".join(name) for name in wrong]


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parent.name != "lib"], ids=lambda path: path.stem)
def test_imports_go_one_way(path: Path) -> None:
    assert wrong_way(path, path.read_text()) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("encoders/clip.py", "import lib.run.cli"),
        ("encoders/clip.py", "from lib.sae.codes import SparseCodes"),
        ("encoders/clip.py", "from lib import report"),
        ("encoders/clip.py", "from lib import start"),
        ("papers/p1/n10_evidence.py", "from lib.papers.p2 import two_tower_dictionaries"),
        ("papers/start/n04_photos.py", "from lib.papers.p1.n10_evidence import c2"),
        ("papers/common/latents.py", "from lib.papers import p1"),
        ("papers/p1/n10_evidence.py", "from lib.apps.search import search_folder"),
    ],
)
def test_a_wrong_import_is_noticed(file: str, line: str) -> None:
    assert wrong_way(ROOT / "lib" / file, f"def late():\n    {line}")


def circle(sources: dict[str, str]) -> list[str]:
    """A circle of imports among modules, {dotted name: text}, or nothing."""
    graph = {name: {".".join(parts) for parts in ours(text)} & set(sources) - {name} for name, text in sources.items()}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_circle_of_files() -> None:
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in SOURCES}
    assert circle({name: path.read_text() for path, name in names.items() if name != "lib"}) == []


def test_a_circle_is_noticed() -> None:
    late = {"lib.sae.a": "def f():\n    from lib.sae.b import g", "lib.sae.b": "from lib.sae import a"}
    assert set(circle(late)) == {"lib.sae.a", "lib.sae.b"}


def beside(number: str, text: str) -> list[str]:
    """Imports of a notebook's cell from experiments that are neither its own nor shared by its paper or by all."""
    own = PAPERS.get(number[0])
    wrong = []
    for name in ours(text):
        if name[1] != "papers" or len(name) < 4 or name[2] == "common" or own is None:
            continue
        if name[2] != own or numbered(name[3]) not in (None, number):
            wrong.append(".".join(name))
    return wrong


def numbered(module: str) -> str | None:
    """The number of the notebook that a module belongs to, None where several use it."""
    return module[1:3] if module[:1] == "n" and module[1:3].isdigit() else None


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_imports_from_its_own_paper(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert [name for cell in cells for name in beside(notebook_number(path), cell)] == []


def test_a_notebook_that_imports_from_another_paper_is_noticed() -> None:
    assert beside("10", "from lib.papers.p2 import two_tower_dictionaries")
    assert beside("04", "from lib.papers.p1 import n10_evidence")
    assert beside("11", "from lib.papers.p1 import n10_evidence")
    assert not beside("10", "from lib.papers.p1 import n10_evidence\nfrom lib.papers.common import dictionaries")


@pytest.mark.parametrize("path", sorted((ROOT / "lib" / "papers").glob("*/*.py")), ids=lambda path: path.stem)
def test_what_belongs_to_one_notebook_is_not_used_by_another(path: Path) -> None:
    modules = [name[3] for name in ours(path.read_text()) if name[1] == "papers" and len(name) > 3]
    assert [module for module in modules if numbered(module) not in (None, numbered(path.stem))] == []


def test_no_file_name_twice() -> None:
    names = Counter(path.name for path in SOURCES if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


def test_no_room_holds_a_quarter_of_the_lines() -> None:
    lines = Counter(path.relative_to(ROOT / "lib").parts[0] for path in SOURCES for _ in path.open())
    assert max(lines[room] for room in ROOMS) < sum(lines.values()) / 4


@pytest.mark.parametrize("path", sorted((ROOT / "lib" / "papers").glob("*/n*.py")), ids=lambda path: path.stem)
def test_an_experiment_is_named_after_its_notebook(path: Path) -> None:
    number = path.stem[1:3]
    assert list(NOTEBOOKS.glob(f"{number}_*.ipynb")), f"there is no notebook {number}"
    assert PAPERS[number[0]] == path.parent.name
