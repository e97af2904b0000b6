"""The table of all results, for people: one Markdown file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.rows import Row
from lib.base.files import write_atomic

HEAD = """\
| setting | who | seconds | least to most | times ours | peak MiB | FVU | note |
|---|---|--:|--:|--:|--:|--:|---|"""
INTRODUCTION = """# Speed

Written by `make bench`; the JSON next to it has the same numbers in full. Seconds are medians over rounds in which ours
and each other one take turns; *times ours* is the median of the ratios to the turn of ours just before, which other
work on the machine disturbs least. Above 1 the other one is slower. `benchmarks/NAME.py` says what each one measures.
"""


def write_table(found: Mapping[str, tuple[list[Row], dict[str, Any]]], path: Path) -> None:
    """A section for each benchmark: the facts of its run and its rows."""
    parts = [INTRODUCTION]
    for name, (rows, facts) in found.items():
        peers = ", ".join(f"{peer} {version}" for peer, version in facts["peers"].items()) or "not installed"
        machine = ", ".join(f"{fact}: {value}" for fact, value in facts.items() if fact not in ("peers", "quick"))
        size = "Tiny sizes, which say nothing about speed. " if facts["quick"] else ""
        parts.append(f"## {name}\n\n{size}{machine}. Peers: {peers}.\n\n{HEAD}")
        parts += [f"| {' | '.join(cells(row))} |" for row in rows]
        parts.append("")
    write_atomic(path, "\n".join(parts))


def cells(row: Row) -> list[str]:
    """The row as text, empty where it has no number."""
    setting = ", ".join(f"{name} {value}" for name, value in row.setting.items())
    spread = "" if row.low is None or row.high is None else f"{number(row.low)} to {number(row.high)}"
    peak = "" if row.peak_mib is None else f"{row.peak_mib:.0f}"
    return [setting, row.who, number(row.median), spread, number(row.ratio), peak, number(row.fvu), row.note]


def line(row: Row) -> str:
    """The row in one line, for the terminal."""
    setting, who, seconds, _, ratio, *more = cells(row)
    words = [f"{setting}: {who}", seconds and f"{seconds} s", ratio and f"{ratio} x ours", row.note]
    if more[0]:
        words.insert(3, f"peak {more[0]} MiB")
    return ", ".join(word for word in words if word)


def number(value: float | None) -> str:
    """Three significant digits, never as a power of ten."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}" if value >= 1e-4 else f"{value:.6f}"
