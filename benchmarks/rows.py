"""The results of a benchmark: rows, one for each contender at each setting, stored as JSON with the machine's facts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.timing import Timing
from lib.base.errors import CompanionError
from lib.base.files import write_json

Setting = Mapping[str, int | str]


@dataclass(frozen=True)
class Row:
    """One contender at one setting.

    setting: sizes by name. varies: the entry of `setting` along which a curve runs, empty for a point. who: `ours`, a
    peer, a reference or `bound`. median, low, high: seconds over the rounds, None if not measured. ratio: seconds over
    those of `ours` taken just before, median over the rounds; None if there is nothing to compare with.
    peak_mib: peak memory of its process. fvu: on held-out rows. note: a remark for the reader, in a few words.
    """

    benchmark: str
    setting: dict[str, int | str]
    varies: str
    who: str
    median: float | None = None
    low: float | None = None
    high: float | None = None
    ratio: float | None = None
    peak_mib: float | None = None
    fvu: float | None = None
    note: str = ""


def row(benchmark: str, setting: Setting, varies: str, who: str, timing: Timing, **more: Any) -> Row:
    """The row of a timing."""
    seconds = timing.seconds
    ratio = median(timing.ratios) if timing.ratios else None
    return Row(benchmark, dict(setting), varies, who, median(seconds), min(seconds), max(seconds), ratio, **more)


def rows(benchmark: str, setting: Setting, varies: str, timings: Mapping[str, Timing]) -> list[Row]:
    """A row for each contender of one interleaved measurement."""
    return [row(benchmark, setting, varies, who, timing) for who, timing in timings.items()]


def write_rows(path: Path, found: list[Row], facts: Mapping[str, Any]) -> None:
    """Write the rows of one benchmark and the facts of the run."""
    write_json(path, {"facts": dict(facts), "rows": [asdict(one) for one in found]})


def read_rows(path: Path) -> tuple[list[Row], dict[str, Any]]:
    """The rows and the facts of one file; an error names a file that is not of this kind."""
    try:
        plain = json.loads(path.read_text())
        return [Row(**one) for one in plain["rows"]], plain["facts"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CompanionError(f"{path.name} is not a result of the benchmarks ({error}); run that one again") from None
