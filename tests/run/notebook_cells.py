"""The cells of a notebook in this process, without a kernel."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import nbformat

from lib.base.places import find_notebook


def run_notebook(number: str, profile: str) -> None:
    """Run the cells of a notebook, with a profile as text; figures are closed."""
    variables: dict[str, Any] = {}
    for cell in nbformat.read(find_notebook(number), as_version=4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, f"notebook {number}, cell {cell.id}", "exec"), variables)
            variables.update({"profile": profile} if "parameters" in cell.metadata.get("tags", []) else {})
            plt.close("all")
