"""Nothing foreign runs: no source can execute what it reads, notebooks come from the tree, parameters are data."""

from __future__ import annotations

import ast
import hashlib
import pickle
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import papermill.parameterize
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook

from lib.base.errors import NotAvailable
from lib.base.files import ROOT
from lib.base.places import MODELS, NOTEBOOKS, find_notebook
from lib.data.formats import fetch
from lib.data.formats.manifest import load_manifest
from lib.data.sets.ship_vectors import ship_coco500
from lib.encoders.clip import CONFIG, load_clip
from lib.sae.formats.published import read_published
from tests.test_house import SOURCES
from tests.test_project import dangers
from tests.trust.common import Tried, listing, one_line

OTHERS = sorted(path for part in ("benchmarks", "exercises") for path in (ROOT / part).rglob("*.py"))
CELLS = {
    f"{path.name}[{place}]": cell.source
    for path in sorted(NOTEBOOKS.glob("*.ipynb"))
    for place, cell in enumerate(nbformat.read(path, 4).cells)
    if cell.cell_type == "code"
}

FOREIGN_CALLS = {
    "os": {"system", "popen", "execv", "execve", "execvp", "execl", "spawnv", "spawnl", "startfile"},
    "subprocess": {"getoutput", "getstatusoutput"},
    "torch": {"hub", "package", "jit", "classes"},
    "np": {"fromregex", "DataSource"},
    "pd": {"read_pickle", "read_hdf"},
    "urllib": {"request"},
    "yaml": {"unsafe_load", "full_load", "load_all", "UnsafeLoader", "FullLoader"},
    "runpy": {"run_path", "run_module"},
    "shutil": {"unpack_archive"},
}
FOREIGN_METHODS = {"extractall", "extract", "spec_from_file_location", "exec_module", "unpack_archive", "read_pickle"}
FOREIGN_MODULES = {"runpy", "code", "codeop", "ctypes", "xml", "telnetlib", "ftplib", "urllib.request", "http.client"}
RUNS = {"run", "Popen", "call", "check_call", "check_output"}
ALLOWED = {"benchmarks/cli.py": {"import_module of a computed name"}}
"""The benchmarks' own modules, by names that its list holds."""


def more_dangers(text: str) -> list[str]:
    """What else in a source could execute foreign bytes, or read them unchecked."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                found += [alias.name for alias in names if alias.name in FOREIGN_MODULES]
            case ast.ImportFrom(module=str(name)) if name in FOREIGN_MODULES or name.split(".")[0] == "xml":
                found.append(name)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if name in FOREIGN_CALLS.get(module, ()):
                found.append(f"{module}.{name}")
            case ast.Call(func=ast.Attribute(attr=name)) if name in FOREIGN_METHODS:
                found.append(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="subprocess"), attr=name), args=[first, *_]):
                if name in RUNS and not isinstance(first, ast.List):
                    found.append(f"subprocess.{name} of no list")
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[first, *_]) if not isinstance(
                first, ast.Constant
            ):
                found.append("import_module of a computed name")
    return found


HOSTILE_LINES = [
    "import pickle",
    "from joblib import load",
    "exec(text)",
    "eval('1')",
    "compile(text, 'x', 'exec')",
    "__import__(name)",
    "torch.load(path)",
    "torch.hub.load('a', 'b')",
    "np.load(path, allow_pickle=True)",
    "pd.read_pickle(path)",
    "os.system('ls')",
    "os.popen('ls')",
    "subprocess.run('ls', shell=True)",
    "subprocess.run(text)",
    "subprocess.getoutput('ls')",
    "tar.extractall(folder)",
    "shutil.unpack_archive(path)",
    "importlib.import_module(name)",
    "runpy.run_path(path)",
    "import ctypes",
    "from xml.etree import ElementTree",
    "from urllib.request import urlopen",
    "yaml.full_load(text)",
    "AutoModel.from_pretrained(name, trust_remote_code=True)",
    "url = 'http://example.org'",
]

NUMBERS = ["", "1", "100", "*", "??", "[0-9]0", "../10", "../../tmp/x", "/tmp/10", "10_monosemanticity", "１０", "10\n"]

TEXTS = 100

TRIED = [
    Tried("sources of lib, benchmarks and exercises", len(SOURCES) + len(OTHERS), "no way to execute what was read"),
    Tried("code cells of the notebooks", len(CELLS), "the same"),
    Tried("dangerous lines, to test the check", len(HOSTILE_LINES), "noticed"),
    Tried("names of notebooks that are not two digits", len(NUMBERS), "one line; nothing is looked for"),
    Tried("hostile pickles as weights and embeddings", 4, "refused before a byte is unpickled"),
    Tried("random texts as a notebook's parameters", TEXTS, "arrive as that text, in one literal"),
    Tried("answers that redirect without https", 3, "one line; nothing is fetched"),
]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [*SOURCES, *OTHERS], ids=name_of)
def test_no_source_executes_what_it_reads(path: Path) -> None:
    text = path.read_text()
    assert {*dangers(text), *more_dangers(text)} - ALLOWED.get(name_of(path), set()) == set()


def test_no_cell_executes_what_it_reads() -> None:
    assert {name: found for name, text in CELLS.items() if (found := [*dangers(text), *more_dangers(text)])} == {}


@pytest.mark.parametrize("line", HOSTILE_LINES)
def test_a_dangerous_line_is_noticed(line: str) -> None:
    assert [*dangers(line), *more_dangers(line)]


@pytest.mark.parametrize("number", NUMBERS)
def test_notebooks_come_from_the_tree_only(number: str, tmp_path: Path) -> None:
    with one_line("there is no notebook"):
        find_notebook(number)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "10_evil.ipynb").write_text("{}")
    with one_line("there is no notebook"):
        find_notebook(number, tmp_path / "notebooks")


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_hostile_checkpoint_is_refused_before_it_is_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap, path = tmp_path / "ran", tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(Trap(trap)))
    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", lambda *_, **__: pytest.fail("opened"))
        with one_line("has sha256", "get the file again"):
            read_published(path, "0" * 16)
    with one_line("is not a checkpoint of plain tensors"):
        read_published(path, hashlib.sha256(path.read_bytes()).hexdigest())
    torch.save({"encoder": Trap(trap)}, path)
    with one_line("is not a checkpoint of plain tensors"):
        read_published(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert not trap.exists()


@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", "model.pt", "model.ckpt"])
def test_a_folder_with_a_hostile_pickle_is_refused_unread(tmp_path: Path, name: str) -> None:
    (tmp_path / CONFIG).write_bytes((MODELS / "scenes-clip" / CONFIG).read_bytes())
    (tmp_path / name).write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    with one_line(f"only {name}, a pickle, which can run code"):
        load_clip(tmp_path)
    assert not (tmp_path / "ran").exists()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=TEXTS)
@given(text=st.text(max_size=60), value=VALUES)
def test_parameters_arrive_as_data(text: str, value: object) -> None:
    cells = [new_code_cell("profile: str = 'scenes'\nx = None", metadata={"tags": ["parameters"]})]
    kernel = {"name": "python3", "display_name": "Python", "language": "python"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel, "papermill": {}})
    given_values = {"profile": text + "'); __import__('os').system('true') #\n\"\"\"", "x": value}
    made = papermill.parameterize.parameterize_notebook(notebook, given_values, kernel_name="python3")
    source = made.cells[1].source
    found = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(source).body}  # type: ignore
    assert found == given_values


@pytest.fixture
def redirecting() -> Iterator[str]:
    """A server on this machine that sends every path on to the address that the path names."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", self.path.lstrip("/"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


DATASET, PATH = "clip-arrays", "clip-arrays/coco500-vitb16/features_clip.npy"


@pytest.mark.parametrize("to", ["http://127.0.0.1:9/x", "ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_fetching_never_leaves_https(
    redirecting: str, to: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    monkeypatch.setattr(fetch, "https_url", lambda url: f"{redirecting}/{to}")
    with pytest.raises(NotAvailable, match="it redirects to an address without https"):
        fetch.locate(DATASET, PATH)
    assert {name for name in listing(cache) if not name.endswith(".lock")} == set()


def test_a_file_is_hashed_before_it_is_parsed(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    size = load_manifest().file(DATASET, PATH).bytes
    (tmp_path / PATH).parent.mkdir(parents=True)
    (tmp_path / PATH).write_bytes(bytes(size or 0))
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("parsed"))
    with one_line("expected sha256", "replace or remove the file"):
        ship_coco500(tmp_path / "shipped")


def test_the_command_line_says_it_in_one_line(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "lib", "run", "../../tmp/x"]
    answer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 2 and answer.stderr.startswith("error: ") and answer.stderr.count("\n") == 1
