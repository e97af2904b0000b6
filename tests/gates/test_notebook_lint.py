from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbval.plugin import get_sanitize_patterns

from lib.base.files import ROOT
from tests.gates.lint import lint
from tests.gates.notebooks import SANITISE, code, notebook, write

SAID = code("say(...)", "[yes] it holds\n")
PNG = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 880x495 with 1 Axes>"}


def shown(data):
    return new_code_cell("plot()", outputs=[new_output("display_data", data=data)])


def test_committed_notebooks_are_clean():
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert paths, "no committed notebooks; the gates have nothing to check"
    assert [problem for path in paths for problem in lint(path)] == []


def test_a_good_notebook_passes(tmp_path):
    good = notebook(
        SAID,
        new_markdown_cell("Either/or, a 3/4 share, https://example.org/data/x, results/scenes/ms.csv"),
        shown(PNG),
        code('show_table(table, 3)\nax.set_ylabel("images / s")', "0.123\n", "nbval-ignore-output"),
        shown(
            {
                "text/html": '<table class="dataframe"><tbody><tr><td>0.123</td></tr></tbody></table>',
                "text/plain": "0.123",
            }
        ),
    )
    assert lint(write(good, tmp_path / "good.ipynb")) == []


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ([SAID, code("x.cuda()")], "cell 4: calls .cuda()"),
        ([SAID, code("from tqdm.notebook import tqdm")], "cell 4: uses tqdm.notebook"),
        ([SAID, code('if world == "scenes": pass')], "cell 4: branches on the world"),
        ([SAID, code('n = 5 if run.profile.world != "clip" else 9')], "cell 4: branches on the world"),
        ([SAID, code('open("/scratch/x.npy")')], "cell 4: holds an absolute path"),
        ([SAID, code("open('~/x.npy')")], "cell 4: holds an absolute path"),
        ([SAID, code(r"open('C:\data')")], "cell 4: holds an absolute path"),
        ([SAID, new_markdown_cell("see /home/me/x")], "cell 4: names a path of one machine"),
        ([SAID, code("print(p)", "written to /home/me/results\n")], "cell 4: prints a path of one machine"),
        (
            [SAID, code("\n".join("x = 1" for _ in range(16)))],
            "cell 4: 16 lines of code, more than 15;",
        ),
        ([SAID, shown({"image/svg+xml": "<svg/>", "text/plain": "x"})], "cell 4: has output of type image/svg+xml;"),
        ([SAID, shown({"text/html": "<b>x</b>"})], "cell 4: has output of type text/html;"),
        ([SAID, shown({"application/javascript": "x"})], "cell 4: has output of type application/javascript;"),
        ([SAID, shown({"text/plain": "<Figure size 1x1 with 0 Axes>"})], "cell 4: has a figure without a PNG"),
        ([SAID, code("x", "a", "parameters")], "2 cells are tagged parameters, not 1"),
        ([SAID, code("x", "a", "injected-parameters")], "a runner's injected-parameters cell was committed"),
        ([SAID, code("x", "a", "raises-exception")], "a cell is tagged raises-exception"),
        ([SAID, *[code("x", "a", "nbval-ignore-output")] * 2], None),
        ([SAID, *[code("x", "a", "nbval-ignore-output")] * 3], "3 of 6 code cells are not compared, more than 35%"),
        ([SAID, *[code("# NBVAL_IGNORE_OUTPUT\nx", "a")] * 3], "3 of 6 code cells are not compared, more than 35%"),
        ([SAID, *[code("x", "a", "nbval-skip")] * 3], "3 of 6 code cells are not compared, more than 35%"),
        ([shown(PNG)], "no compared cell after lib.start prints text, so the gate would prove nothing"),
    ],
)
def test_bad_cells_are_named(tmp_path, cells, problem):
    found = lint(write(notebook(*cells), tmp_path / "bad.ipynb"))
    if problem is None:  # two of five is 40 %, one more good cell makes it 33 %
        assert found == ["bad.ipynb: 2 of 5 code cells are not compared, more than 35%"]
        assert lint(write(notebook(*cells, SAID), tmp_path / "good.ipynb")) == []
    else:
        assert len(found) == 1 and found[0].startswith(f"bad.ipynb: {problem}")


def test_errors_and_stderr_are_refused(tmp_path):
    error = new_output("error", ename="ValueError", evalue="x", traceback=[])
    stderr = new_output("stream", name="stderr", text="UserWarning: x\n")
    made = notebook(SAID, new_code_cell("x", outputs=[error]), new_code_cell("y", outputs=[stderr]))
    assert lint(write(made, tmp_path / "bad.ipynb")) == [
        "bad.ipynb: cell 4: failed with ValueError",
        "bad.ipynb: cell 5: wrote to stderr: UserWarning: x",
    ]


@pytest.mark.parametrize("counts", [[1, 2, None], [1, 3, 2], [2, 3, 4], [1, 2, 2]])
def test_counts_must_run_from_one(tmp_path, counts):
    made = notebook(SAID)
    for cell, count in zip(made.cells[1:], counts, strict=True):
        cell.execution_count = count
    (problem,) = lint(write(made, tmp_path / "bad.ipynb"))
    assert "execution counts are" in problem and "run it from the top" in problem


def test_the_first_three_cells_have_their_form(tmp_path):
    made = notebook(SAID, title="A notebook about paper 1")
    made.cells[1].metadata["tags"] = []
    made.cells[2].source = "import lib"
    assert lint(write(made, tmp_path / "bad.ipynb")) == [
        "bad.ipynb: the first cell is not a markdown title",
        "bad.ipynb: the title cell does not name claim, running time",
        "bad.ipynb: the second cell is not tagged parameters",
        "bad.ipynb: the third cell does not call lib.start(",
        "bad.ipynb: 0 cells are tagged parameters, not 1",
    ]


def test_an_almost_empty_notebook_is_told_so(tmp_path):
    made = notebook()
    made.cells = made.cells[:1]
    made.metadata.pop("kernelspec")
    problems = lint(write(made, tmp_path / "bad.ipynb"))
    assert "bad.ipynb: the third cell does not call lib.start(" in problems
    assert "bad.ipynb: kernelspec is not python3" in problems


def test_nbval_reads_every_rule_of_the_sanitiser():
    """nbval drops a rule without a word if the space after `replace:` is missing, or if two have the same regex."""
    text = SANITISE.read_text()
    sections = [line for line in text.splitlines() if line.startswith("[")]
    patterns = get_sanitize_patterns(text)
    assert len(sections) == len(patterns) == len(dict(patterns)) > 0
    assert text.count("regex:") == text.count("replace:") == len(sections)
    broken = text.replace("replace: ", "replace:", 1)
    assert len(get_sanitize_patterns(broken)) == len(sections) - 1
