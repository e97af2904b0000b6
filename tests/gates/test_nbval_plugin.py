from __future__ import annotations

from math import comb
from pathlib import Path
from types import SimpleNamespace

import pytest
from nbformat import NotebookNode

from lib.base.errors import NotAvailable
from tests.gates import nbval_plugin
from tests.gates.notebooks import code, notebook, write


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Collects the cells of a notebook on labels-b32 and of one on scenes; returns their marks."""
    real = notebook()
    real.cells[1] = code('profile: str = "labels-b32"', "", "parameters")
    paths = [write(real, tmp_path / "03_real.ipynb"), write(notebook(), tmp_path / "10_x.ipynb"), Path("test_x.py")]

    def collect(fetch) -> list[list[pytest.MarkDecorator]]:
        monkeypatch.setattr(nbval_plugin, "fetch_dataset", fetch)
        items = [SimpleNamespace(path=path, marks=[], compare_outputs=None) for path in paths]
        for item in items:
            item.add_marker = item.marks.append
        nbval_plugin.pytest_collection_modifyitems(items)
        return [item.marks for item in items]

    return collect


def test_a_notebook_without_its_data_is_skipped_with_the_reason(marks) -> None:
    def fetch(dataset: str) -> None:
        raise NotAvailable(f"{dataset} is not here")

    (mark,), *others = marks(fetch)
    assert mark.kwargs == {"reason": "clip-vectors is not here"}
    assert others == [[], []]


def test_notebooks_leave_stderr_out_of_the_comparison() -> None:
    notebook_file, other = SimpleNamespace(skip_compare=("metadata",)), SimpleNamespace()
    for collector in (notebook_file, other):
        nbval_plugin.pytest_collectstart(collector)
    assert notebook_file.skip_compare == ("metadata", "stderr") and vars(other) == {}


def test_with_the_data_nothing_is_skipped(marks) -> None:
    assert marks(lambda dataset: []) == [[], [], []]


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("[2 of 5 seeds] a\n[5 of 5 seeds] b\n", "[4 of 5 seeds] a\n[5 of 5 seeds] b\n"),
        ("[0 of 5 seeds] a\n[2 of 5 seeds] b\n", "[0 of 5 seeds] a\n[5 of 5 seeds] b\n"),
        ("[4 of 5 seeds] a\n[1 of 5 seeds] b\n", "[4 of 5 seeds] a\n[1 of 5 seeds] b\n"),
        ("[3 of 4 seeds] a\n[5 of 5 seeds] c\n", "[3 of 4 seeds] a\n[5 of 5 seeds] c\n"),
        (
            "[3 of 5 seeds] a\n[5 of 5 seeds] b\n[3 of 5 seeds] a\n",
            "[4 of 5 seeds] a\n[5 of 5 seeds] b\n[3 of 5 seeds] a\n",
        ),
    ],
)
def test_a_count_of_seeds_may_differ_as_two_draws_do(text: str, settled: str) -> None:
    assert nbval_plugin.with_counts(text, "[4 of 5 seeds] a\n[5 of 5 seeds] b\n") == settled


def test_five_seeds_disagree_by_four() -> None:
    """The p-value of a table of two counts is the chance of all tables with its margins that are no likelier."""
    for count in range(6):
        for other in range(6):
            held = count + other
            chance = {
                one: comb(5, one) * comb(5, held - one) / comb(10, held) for one in range(6) if 0 <= held - one <= 5
            }
            rare = sum(p for p in chance.values() if p <= chance[count] * (1 + 1e-9)) < nbval_plugin.SURPRISE
            assert nbval_plugin.agree(count, other, 5) == (not rare) == (abs(count - other) < 4)


def test_cells_are_compared_with_the_committed_counts() -> None:
    def compare(*arguments: object, **rest: object) -> str:
        seen.append((arguments, rest))
        return "the answer"

    seen: list[object] = []
    figure = NotebookNode(output_type="display_data")
    printed = [figure, NotebookNode(output_type="stream", text="[1 of 3 seeds] a\n")]
    committed = [NotebookNode(output_type="stream", text="[2 of 3 seeds] a\n"), figure]
    assert nbval_plugin.lenient(compare)(printed, committed, skip_compare=("x",)) == "the answer"
    assert seen == [((printed, committed), {"skip_compare": ("x",)})]
    assert printed[1].text == committed[0].text
