"""The methods are written out in the notebooks, and the lines that do so are counted rightly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gates.method_lines import every_notebook, method_lines, share
from tests.gates.notebooks import code, notebook, write

SHOWS_A_METHOD = ("01", "02", "10", "11", "12", "13", "20", "30", "32", "40")
"""Notebooks in which a method first appears; each writes it out."""

LEAST, LEAST_SHARE = 10, 0.15
"""Lines by hand that such a notebook has at least, and their share of the code lines of all notebooks."""


@pytest.mark.parametrize("number", SHOWS_A_METHOD)
def test_a_method_is_written_out_where_it_first_appears(number: str) -> None:
    (lines,) = [one for name, one in every_notebook().items() if name.startswith(number)]
    assert lines.by_hand >= LEAST


def test_enough_of_all_code_lines_show_a_method() -> None:
    assert share(every_notebook()) >= LEAST_SHARE


def test_only_code_in_tagged_cells_counts(tmp_path: Path) -> None:
    made = notebook(code("a = 1\n\n# a comment\nb = 2", "", "by-hand"), code("c = 3  # not by hand", ""))
    plain = notebook()
    counts = {name: method_lines(write(one, tmp_path / name)) for name, one in (("a", made), ("b", plain))}
    assert counts["a"].by_hand == 2 and counts["a"].all == counts["b"].all + 3
    assert counts["b"].by_hand == 0 and share(counts) == pytest.approx(2 / (counts["a"].all + counts["b"].all))
