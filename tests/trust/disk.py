"""Run small jobs on a disk that is full at any size, and on a read-only one: one line, and a good end afterwards.

    python -m tests.trust.disk [--write]

The disk is a real one, a tmpfs in a private mount namespace (`unshare -Urm`), where the system permits that.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.base.files import ROOT
from tests.trust.common import kept, note
from tests.trust.works import begin, end, undisturbed

PAGE, GROWTH = 4096, 1.25
LIMITS = (0, 200, 2_000, 20_000)
"""Bytes that no file may exceed."""

SAYS = ("cannot be written", "No space left", "File too large")
WRITES_ALWAYS = {"notebook"}
"""Works that note each run, and so cannot go on a read-only cache even if all is there."""


def allowed() -> bool:
    """Whether this system lets a user mount a disk, and mount it again with other options, in a separate namespace."""
    mounts = 'mount -t tmpfs -o size=4096 tmpfs "$1" && mount -o remount,size=64m "$1"'
    with tempfile.TemporaryDirectory() as folder:
        words = ["unshare", "-Urm", "sh", "-c", mounts, "sh", folder]
        try:
            return subprocess.run(words, capture_output=True).returncode == 0
        except OSError:
            return False


def told(name: str, root: Path, before: Callable[[], None] = lambda: None) -> str | None:
    """Run a work that may end well (None) or in one line, which is returned; all else is an error."""
    reading, writing = os.pipe()

    def prepare() -> None:
        os.dup2(writing, 2)
        before()

    child = begin(name, root, prepare)
    os.close(writing)
    with open(reading) as stream:
        text = stream.read()
    code = end(child)
    if code == 0:
        return None
    if code != 2 or text.count("\n") != 1:
        raise SystemExit(f"{name} ended with {code}: {text[-1500:]}")
    return text.strip()


@contextmanager
def disk(size: int) -> Iterator[Path]:
    """A disk of so many bytes."""
    with tempfile.TemporaryDirectory(prefix="companion-disk-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def again(root: Path, options: str) -> None:
    """Mount the disk with other options."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(root)], check=True)


def full(name: str, wanted: dict[str, str]) -> dict[str, Any]:
    """A work on disks of growing size until one holds it; each of the smaller ones is then given room."""
    sizes, size, differing = 0, PAGE, set[str]()
    while True:
        with disk(size) as root:
            line = told(name, root)
            if line is not None:
                if not any(word in line for word in SAYS):
                    raise SystemExit(f"{name} on a disk of {size} bytes: {line}")
                again(root, "size=64m")
                if told(name, root) is not None:
                    raise SystemExit(f"{name} does not go on where there is room again")
            found = kept(root)
            differing |= {path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path)}
        sizes += line is not None
        if line is None:
            return {"work": name, "disks": sizes, "differing": sorted(differing)}
        size = int(size * GROWTH) // PAGE * PAGE + PAGE


def read_only(name: str, wanted: dict[str, str]) -> bool:
    """Whether a work is told of on an empty read-only disk, and reads what is there from a filled one."""
    with disk(2**26) as root:
        again(root, "ro")
        cold = told(name, root)
        again(root, "rw")
        if told(name, root) is not None:
            raise SystemExit(f"{name} does not run on a disk that can be written again")
        again(root, "ro")
        warm = told(name, root)
        return (
            cold is not None and SAYS[0] in cold and (warm is None) != (name in WRITES_ALWAYS) and kept(root) == wanted
        )


def limited(name: str, wanted: dict[str, str]) -> bool:
    """Whether a work that may write no file beyond a limit is told of, and goes on without the limit.

    Takes no permission, and so is run everywhere.
    """
    for limit in LIMITS:
        with tempfile.TemporaryDirectory(prefix="companion-disk-") as folder:

            def before(limit: int = limit) -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

            line = told(name, Path(folder), before)
            if line is not None and not any(word in line for word in SAYS):
                raise SystemExit(f"{name} with files of {limit} bytes at most: {line}")
            if told(name, Path(folder)) is not None or kept(Path(folder)) != wanted:
                return False
    return True


def examine(mounts: bool, write: bool) -> None:
    """All works; mounts: whether this process may mount disks."""
    found = []
    for name, _, wanted in undisturbed():
        found.append({"work": name, "limits": len(LIMITS), "limited": limited(name, wanted)})
        if mounts:
            found[-1] |= full(name, wanted) | {"read_only": read_only(name, wanted)}
        print(json.dumps(found[-1]), flush=True)
    if write:
        note("disk", found)
    if any(one.get("differing") or not one.get("read_only", True) or not one["limited"] for one in found):
        raise SystemExit("a full or read-only disk was not survived")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run small works on full and read-only disks.")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help="note what was found for docs/trust.md")
    chosen = parser.parse_args()
    if chosen.inside or not allowed():
        examine(chosen.inside, chosen.write)
        return
    words = ["unshare", "-Urm", sys.executable, "-m", "tests.trust.disk", "--inside"]
    sys.exit(subprocess.run([*words, *(["--write"] if chosen.write else [])], cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
