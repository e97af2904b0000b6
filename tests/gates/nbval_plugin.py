"""A pytest plugin for the notebook gate.

Notebooks whose data cannot be had on this machine are skipped, with a reason. What goes to stderr is not compared:
progress bars tell of time, and committed notebooks hold none.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from lib.data.errors import NotAvailable
from lib.data.fetch import fetch_dataset
from lib.run.parameters import read_parameters
from lib.run.profiles import load_profile
from lib.run.runner import read_notebook


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Tell nbval's notebooks to leave stderr out."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every cell of such a notebook."""
    for item in items:
        reason = absent(item.path) if item.path.suffix == ".ipynb" else None
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@cache
def absent(path: Path) -> str | None:
    """Why the data that a notebook's default profile needs are neither here nor to be fetched; None if they are."""
    profile = read_parameters(read_notebook(path), path.stem).get("profile")
    try:
        for dataset in load_profile(profile.default).needs if profile else []:
            fetch_dataset(dataset)
    except NotAvailable as error:
        return str(error)
    return None
