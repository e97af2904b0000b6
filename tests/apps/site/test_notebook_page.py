"""What is folded on the page of a notebook."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell

from lib.apps.site.notebook_page import folded_as


@pytest.mark.parametrize(
    ("source", "tags", "folded"),
    [
        ('profile: str = "scenes"', ["parameters"], "set-up"),
        ('import numpy as np\n\nimport lib\n\nsession = lib.start("x", profile, seeds, device)', [], "set-up"),
        ("fig, ax = plt.subplots()\nax.plot(x)", [], "figure and tables"),
        ("show_table(rows, decimals=3)", ["nbval-ignore-output"], "figure and tables"),
        ("code = (x - b) @ encoder\ncode.topk(k)", [], ""),
        ("session.claim(evidence.c6(table, n))", [], ""),
    ],
)
def test_set_up_and_drawing_are_folded(source: str, tags: list[str], folded: str) -> None:
    assert folded_as(new_code_cell(source, metadata={"tags": tags})) == folded
