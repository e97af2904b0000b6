"""A pytest plugin for the notebook gate.

Notebooks whose data cannot be had on this machine are skipped, with a reason. What goes to stderr is not compared:
progress bars show time, and committed notebooks hold none. Training takes another path on another kind of processor, as
with another draw of seeds, so the number of seeds in which a statement holds may differ by what two draws differ by.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import fisher_exact

from lib.base.cells import read_cells
from lib.base.errors import NotAvailable
from lib.data.formats.fetch import fetch_dataset
from lib.report.card import is_card
from lib.run.parameters import read_parameters
from lib.worlds.profiles import load_profile

SEEDS = re.compile(r"\[(\d+) of (\d+) seeds\] ([^\n]*)")
"""What `say_seeds` prints."""

SURPRISE = 0.05
"""Two counts of seeds differ where Fisher's exact test gives them a lower p-value than this; of five seeds, by four."""


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Tell nbval's notebooks to leave stderr out."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every cell of a notebook its comparison, and mark those of a notebook without its data."""
    for item in items:
        if item.path.suffix != ".ipynb":
            continue
        item.compare_outputs = lenient(item.compare_outputs)  # type: ignore[attr-defined]
        if reason := absent(item.path):
            item.add_marker(pytest.mark.skip(reason=reason))


def lenient(compare: Callable[..., bool]) -> Callable[..., bool]:
    """nbval's comparison of a cell's outputs with the committed ones, but for counts of seeds that agree, and cards."""

    def compared(test: list[Any], reference: list[Any], **rest: Any) -> bool:
        committed = "".join(output.text for output in reference if output.output_type == "stream")
        for output in [*test, *reference]:
            if is_card(output.get("data", {}).get("text/html", "")):
                output.data = {"text/plain": "an evidence card, whose numbers the tolerance gate compares"}
        for output in test:
            if output.output_type == "stream":
                output.text = with_counts(output.text, committed)
        return compare(test, reference, **rest)

    return compared


def with_counts(text: str, committed: str) -> str:
    """A text in which statements over seeds have the committed counts where theirs agree with those."""
    before = iter(SEEDS.findall(committed))

    def settled(match: re.Match[str]) -> str:
        count, seeds, statement = next(before, ("", "", ""))
        same = (seeds, statement) == match.groups()[1:] and agree(int(count), int(match[1]), int(seeds))
        return f"[{count} of {seeds} seeds] {statement}" if same else match[0]

    return SEEDS.sub(settled, text)


def agree(count: int, other: int, seeds: int) -> bool:
    """Whether two counts of as many seeds may be draws of one probability."""
    return bool(fisher_exact([[count, seeds - count], [other, seeds - other]]).pvalue >= SURPRISE)


@cache
def absent(path: Path) -> str | None:
    """Why the data that a notebook's default profile needs are neither here nor to be fetched; None if they are."""
    profile = read_parameters(read_cells(path), path.stem).get("profile")
    try:
        for dataset in load_profile(profile.default).needs if profile else []:
            fetch_dataset(dataset)
    except NotAvailable as error:
        return str(error)
    return None
