"""Kill a job before every single change that it makes on the disk, continue it, and compare the files that it leaves.

    python -m tests.trust.steps [--work training] [--write]

Where `tests.trust.kill` ends commands at random moments, this one ends small jobs at every moment that matters: before
each file is opened for writing, renamed or removed, and before each folder is made or removed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.trust.common import kept, note
from tests.trust.works import WORKS, begin, end, ready

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def watch(root: Path, at: int, count_to: int | None = None) -> None:
    """Kill this process before its change number `at` under a folder; 0: tell the number of all through a pipe."""
    seen = 0
    inside = (str(root / "cache"), str(root / "results"))

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
        if not (opens or event in CHANGES) or not isinstance(arguments[0], str | os.PathLike):
            return
        path = str(os.fspath(arguments[0]))
        # `shutil.rmtree` names files relative to an open folder.
        if path.startswith(inside) or (event in CHANGES and not os.path.isabs(path)):
            seen += 1
            if count_to is not None:
                os.pwrite(count_to, f"{seen:09d}".encode(), 0)
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(note)


def changes(name: str, root: Path) -> int:
    """How many changes a work makes undisturbed."""
    with tempfile.TemporaryFile() as counter:
        assert end(begin(name, root, lambda: watch(root, 0, counter.fileno()))) == 0
        counter.seek(0)
        return int(counter.read())


def examine(name: str, folder: Path) -> dict[str, Any]:
    """The kills of a work, and the files that differed after any of them."""
    whole, killed = folder / "whole", folder / "killed"
    whole.mkdir(parents=True)
    count, wanted = changes(name, whole), kept(whole)
    differing: set[str] = set()
    for at in range(1, count + 1):
        shutil.rmtree(killed, ignore_errors=True)
        killed.mkdir()
        ended = end(begin(name, killed, lambda at=at: watch(killed, at)))  # type: ignore[misc]
        if ended != -signal.SIGKILL:
            raise SystemExit(f"{name}: not killed before change {at} of {count}, but ended with {ended}")
        if end(begin(name, killed)) != 0:
            raise SystemExit(f"{name}: does not go on after a kill before change {at}")
        found = kept(killed)
        differing |= {path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path)}
    return {"work": name, "kills": count, "files": len(wanted), "differing": sorted(differing)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill small works before every change on the disk.")
    parser.add_argument("--work", choices=WORKS, help="only this one")
    parser.add_argument("--write", action="store_true", help="note what was found for docs/trust.md")
    chosen = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="companion-steps-") as folder:
        ready(Path(folder))
        for name in [chosen.work] if chosen.work else WORKS:
            found.append(examine(name, Path(folder) / name))
            print(json.dumps(found[-1]), flush=True)
    if chosen.write:
        note("steps", found)
    if any(one["differing"] for one in found):
        raise SystemExit("some files differ from those of the undisturbed run")


if __name__ == "__main__":
    main()
