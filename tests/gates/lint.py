"""The notebook lint: what a committed notebook must be, so that the notebook gate compares something on every machine.

nbval passes a notebook silently if its cells were never run, and a compared cell may be tagged away; this closes both.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from lib.report.card import is_card
from lib.report.console import NEAR_EDGE
from lib.report.player import is_player
from lib.report.tables import is_table

MAX_LINES = 15
MAX_IGNORED = 0.35
"""Largest share of code cells whose output is not compared."""

TITLE_WORDS = ("paper", "claim", "running time")
MIMES = {"text/plain", "image/png"}
UNCOMPARED_TAGS = {"nbval-ignore-output", "nbval-skip"}
UNCOMPARED_COMMENT = re.compile(r"^\s*#+\s*(NBVAL_IGNORE_OUTPUT|NBVAL_SKIP|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*$", re.M)

FORBIDDEN = {
    "calls .cuda()": re.compile(r"\.cuda\(\)"),
    "uses tqdm.notebook": re.compile(r"tqdm\.(notebook|autonotebook|auto)\b"),
    "branches on the world": re.compile(r"\bif\b[^\n]*\b(world|profile)\b[^\n]*(==|!=)"),
    "holds an absolute path": re.compile(r"""["'](/[\w.-]{2,}|~/|[A-Za-z]:[\\/])"""),
}
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(home|root|tmp|work|mnt|data|var|opt|usr|srv|content|kaggle|Users)/")


def lint(path: Path) -> list[str]:
    """What is wrong with a committed notebook, one line each; empty where all is well."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    problems = [*_first_cells(notebook), *_counts(code), *_tags(code)]
    if not any(is_compared(cell) and _text(cell) for cell in code[2:]):
        problems.append("no compared cell after lib.start prints text, so the gate would prove nothing")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        problems.append("kernelspec is not python3")
    for place, cell in enumerate(notebook.cells):
        problems += [f"cell {place}: {problem}" for problem in _source(cell)]
        if cell.cell_type == "code":
            problems += [f"cell {place}: {problem}" for output in cell.outputs for problem in _output(output)]
    return [f"{path.name}: {problem}" for problem in problems]


def is_compared(cell: NotebookNode) -> bool:
    """Whether nbval compares the output of this code cell."""
    tags = set(cell.metadata.get("tags", []))
    return not tags & UNCOMPARED_TAGS and not UNCOMPARED_COMMENT.search(cell.source)


def _text(cell: NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def _first_cells(notebook: NotebookNode) -> Iterator[str]:
    title, parameters, start = [*notebook.cells[:3], *[None] * 3][:3]
    text = title.source if title is not None and title.cell_type == "markdown" else ""
    if not text.startswith("# "):
        yield "the first cell is not a markdown title"
    missing = [word for word in TITLE_WORDS if word not in text.lower()]
    if missing:
        yield f"the title cell does not name {', '.join(missing)}"
    if parameters is None or "parameters" not in parameters.metadata.get("tags", []):
        yield "the second cell is not tagged parameters"
    if start is None or start.cell_type != "code" or "lib.start(" not in start.source:
        yield "the third cell does not call lib.start("


def _counts(code: list[NotebookNode]) -> Iterator[str]:
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        yield f"execution counts are {counts}, not 1 to {len(code)} in order; run it from the top"


def _tags(code: list[NotebookNode]) -> Iterator[str]:
    tags = [tag for cell in code for tag in cell.metadata.get("tags", [])]
    if tags.count("parameters") != 1:
        yield f"{tags.count('parameters')} cells are tagged parameters, not 1"
    if "injected-parameters" in tags:
        yield "a runner's injected-parameters cell was committed"
    if "raises-exception" in tags:
        yield "a cell is tagged raises-exception"
    ignored = sum(not is_compared(cell) for cell in code)
    if ignored > MAX_IGNORED * len(code):
        yield f"{ignored} of {len(code)} code cells are not compared, more than {MAX_IGNORED:.0%}"


def _source(cell: NotebookNode) -> Iterator[str]:
    if MACHINE_PATH.search(cell.source):
        yield "names a path of one machine"
    if cell.cell_type != "code":
        return
    lines = len(cell.source.splitlines())
    if lines > MAX_LINES:
        yield f"{lines} lines of code, more than {MAX_LINES}; move them to lib"
    yield from (name for name, pattern in FORBIDDEN.items() if pattern.search(cell.source))


def _output(output: NotebookNode) -> Iterator[str]:
    if output.output_type == "error":
        yield f"failed with {output.ename}"
        return
    if output.output_type == "stream":
        if output.name == "stderr":
            yield f"wrote to stderr: {output.text.strip()[:60]}"
        text = output.text
    else:
        html = output.data.get("text/html", "")
        ours = is_player(html) or is_card(html) or is_table(html)
        extra = sorted(set(output.data) - (MIMES | {"text/html"} if ours else MIMES))
        if extra:
            yield f"has output of type {', '.join(extra)}; only text and PNG are allowed"
        text = output.data.get("text/plain", "")
        if text.startswith("<Figure") and "image/png" not in output.data:
            yield "has a figure without a PNG"
    if MACHINE_PATH.search(text):
        yield "prints a path of one machine"
    if NEAR_EDGE in text:
        yield "prints a number near a rounding edge; print a statement or choose another step"


if __name__ == "__main__":
    found = [problem for name in sys.argv[1:] for problem in lint(Path(name))]
    sys.exit("\n".join(found) or None)
