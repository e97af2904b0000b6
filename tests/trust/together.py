"""Run small jobs in several processes at once on one cache, and under a clock that jumps: the same bytes every time.

python -m tests.trust.together [4]
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

from tests.trust.common import kept
from tests.trust.works import begin, end, undisturbed

YEARS = 365 * 86400


def at_once(name: str, root: Path, wanted: dict[str, str], count: int) -> bool:
    """Whether processes that want the same thing at the same time all end well, and leave what one leaves."""
    children = [begin(name, root) for _ in range(count)]
    return [end(child) for child in children] == [0] * count and kept(root) == wanted


def jump() -> None:
    """From now on this process's clock shows another year at every look; file dates and hashes do not know."""
    rng = random.Random(0)
    real = time.time
    time.time = lambda: real() + rng.uniform(-20, 20) * YEARS  # type: ignore[assignment]


def changed_dates(root: Path) -> dict[Path, int]:
    """Give every file a date far in the past or in the future; the dates."""
    dates = {}
    for place, path in enumerate(sorted(path for path in root.rglob("*") if path.is_file())):
        seconds = int(time.time()) + (10 * YEARS if place % 2 else -10 * YEARS)
        os.utime(path, (seconds, seconds))
        dates[path] = path.stat().st_mtime_ns
    return dates


def under_a_jumping_clock(name: str, root: Path, wanted: dict[str, str]) -> bool:
    """Whether a work leaves the same, and does not make again what then has strange dates."""
    if end(begin(name, root, jump)) != 0 or kept(root) != wanted:
        return False
    dates = changed_dates(root)
    good = end(begin(name, root, jump)) == 0 and kept(root) == wanted
    return good and all(path.stat().st_mtime_ns == date for path, date in dates.items())


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    for name, root, wanted in undisturbed():
        found = {
            "work": name,
            "at_once": at_once(name, root / "at-once", wanted, count),
            "clock": under_a_jumping_clock(name, root / "clock", wanted),
        }
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
