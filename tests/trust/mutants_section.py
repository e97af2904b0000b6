"""The section on mutants of the page on trust, written from `results/mutants.json`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.trust.mutants import OPERATORS

COMMAND = "python -m tests.trust.mutate"


def section(figures: dict[str, Any]) -> str:
    """Markdown: the figures of each part of the code, what was tried, and what survived without and with a reason."""
    explained = [entry for entry in figures["survived"] if entry["reason"]]
    open_ones = [entry for entry in figures["survived"] if not entry["reason"]]
    rows = [f"| `{part}` | {tried} | {killed} | {left} |" for part, tried, killed, left in _parts(figures)]
    total = f"| all | {figures['tried']} | {figures['killed']} | {len(explained)} |"
    return "\n".join(
        [
            "## Mutants killed",
            "",
            f"{figures['killed']} of {figures['tried']} mutants are killed ({share(figures):.1%}); "
            f"{len(explained)} survivors are explained and {len(open_ones)} are not. "
            f"The sample is drawn evenly over the modules, out of {figures['mutants']} mutants.",
            "",
            "| code | tried | killed | explained |",
            "| --- | ---: | ---: | ---: |",
            *rows,
            total,
            "",
            f"Repeat it: `{COMMAND} --sample {figures['sample']} --seed {figures['seed']}`",
            "",
            *([f"Not tried yet: {', '.join(figures['not_tried'])}.", ""] if figures["not_tried"] else []),
            "A mutant is a module with one small fault, and it is killed where the module's own tests fail:",
            "",
            *[f"- {operator.__name__}: {operator.__doc__}" for operator in OPERATORS],
            "",
            *_listed("Survivors of the last run without a reason:", open_ones, lambda entry: ""),
            *_listed("Survivors that change no result:", explained, lambda entry: f": {entry['reason']}"),
        ]
    )


def share(figures: dict[str, Any]) -> float:
    """Share of the tried mutants that the tests kill; explained survivors count as survivors."""
    return figures["killed"] / figures["tried"]


def _parts(figures: dict[str, Any]) -> list[tuple[str, int, int, int]]:
    """Folder, tried, killed, explained."""
    tried: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    for module, counts in figures["modules"].items():
        tried[module.rsplit("/", 1)[0]] += counts["tried"]
        killed[module.rsplit("/", 1)[0]] += counts["killed"]
    reasons = Counter(entry["module"].rsplit("/", 1)[0] for entry in figures["survived"] if entry["reason"])
    return [(part, tried[part], killed[part], reasons[part]) for part in sorted(tried)]


def _listed(title: str, entries: list[dict[str, Any]], after: Any) -> list[str]:
    if not entries:
        return []
    lines = [f"- `{entry['module']}`, {entry['operator']}: `{entry['change']}`{after(entry)}" for entry in entries]
    return [title, "", *lines, ""]
