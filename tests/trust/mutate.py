"""Mutation testing: do the tests notice a small fault in the code that they test?

    python -m tests.trust.mutate --sample 300              # drawn evenly over all modules, the same on every run
    python -m tests.trust.mutate lib/metrics/gap.py        # every mutant of a module
    python -m tests.trust.mutate --again                   # those that survived last time, or were not come to

Modules: `lib/metrics`, `lib/sae`, what decides verdicts in `lib/report`, and the gates of `tests/gates`. A mutant of
`lib/metrics/gap.py` is tried on `tests/metrics/test_gap.py`, then on the other tests of that room that import the
module. It is killed where a test fails, or a process dies or exceeds its limit of time. What no test can notice stands
in `survivors.yaml` with the reason. The figures go to `results/mutants.json`.

Every mutant runs in a process forked from this one, on a copy of the repository, so that torch is imported once.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import ROOT, write_json
from lib.base.yaml import load_yaml
from tests.trust.mutants import KEY, Mutant, mutants

GATES = ("lint", "tolerance", "nbval_plugin")
VERDICTS = ("claims", "effects", "evidence", "register", "verdicts")
"""Files of `lib/report` that decide what a verdict is."""

SURVIVORS = ROOT / "tests" / "trust" / "survivors.yaml"
RESULTS = ROOT / "tests" / "trust" / "results" / "mutants.json"
MEMORY = 8 * 2**30
"""Bytes that a test process may use."""

OWN = ("lib", "tests", "exercises", "benchmarks")
"""Packages of the repository, which every process imports anew."""

# Modules whose tests are named after something else and reach them by a recipe's name.
TESTED_BY = {
    "tests/gates/lint.py": "tests/gates/test_notebook_lint.py",
}


@dataclass(frozen=True)
class Outcome:
    """How the tests of a module ended. skipped: none ran. seconds: of processor. tail: the end of what they printed."""

    passed: bool
    skipped: bool
    seconds: float
    tail: str


def modules(root: Path) -> list[str]:
    """Paths of all modules whose tests are tested."""
    lib = [path for room in ("metrics", "sae") for path in sorted((root / "lib" / room).rglob("[!_]*.py"))]
    verdicts = [root / "lib" / "report" / f"{name}.py" for name in VERDICTS]
    gates = [root / "tests" / "gates" / f"{name}.py" for name in GATES]
    return [path.relative_to(root).as_posix() for path in [*lib, *verdicts, *gates] if path.exists()]


def checked_by(root: Path, module: str) -> list[str]:
    """The test files of a module, its own first."""
    path = Path(module)
    folder = root.joinpath("tests", *path.parent.parts[1:])
    name = ".".join(path.with_suffix("").parts)
    own = [root / TESTED_BY[module]] if module in TESTED_BY else [folder / f"test_{path.stem}.py"]
    room = root.joinpath("tests", path.parts[1])
    importing = [other for other in sorted(room.rglob("test_*.py")) if name in _imported(other.read_text())]
    found = [test.relative_to(root).as_posix() for test in dict.fromkeys([*own, *importing]) if test.exists()]
    if not found:
        wanted = own[0].relative_to(root).as_posix()
        raise CompanionError(f"{module}: no test of its room imports it; write {wanted}")
    return found


@cache
def _imported(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def draw(all_mutants: dict[str, list[Mutant]], sample: int | None, seed: int) -> dict[str, list[Mutant]]:
    """`sample` mutants, as many of each module as of every other where it has them; a larger sample holds a smaller."""
    if sample is None:
        return all_mutants
    shuffled = {module: random.Random(f"{seed} {module}").sample(own, len(own)) for module, own in all_mutants.items()}
    rounds = zip_longest(*shuffled.values())
    order = [mutant for each in rounds for mutant in random.Random(seed).sample(each, len(each)) if mutant is not None]
    chosen = set(map(id, order[:sample]))
    return {module: [mutant for mutant in own if id(mutant) in chosen] for module, own in all_mutants.items()}


@contextmanager
def scratch_copy(root: Path) -> Iterator[Path]:
    """A copy of the repository without what was made in it, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder) / "repository"
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        yield copy


def try_module(copy: Path, module: str, chosen: list[Mutant]) -> Iterator[Mutant]:
    """The mutants of a module that survive its tests in a copy of the repository."""
    tests = checked_by(copy, module)
    path = copy / module
    original = path.read_bytes()
    clean = run_tests(copy, tests, limit=3600)
    if clean.skipped:
        raise NotAvailable(f"{module}: its tests are skipped here\n{clean.tail}")
    if not clean.passed:
        raise CompanionError(f"{module}: its tests fail without a mutant\n{clean.tail}")
    _import_what_they_did(copy)
    try:
        for time_stamp, mutant in enumerate(chosen):
            path.write_text(mutant.source())
            os.utime(path, (time_stamp, time_stamp))  # another one each time, so that no old bytecode is used
            if run_tests(copy, tests, limit=int(5 * clean.seconds) + 10).passed:
                yield mutant
    finally:
        path.write_bytes(original)


def run_tests(copy: Path, tests: list[str], limit: int) -> Outcome:
    """Run test files of a copy in a forked process of its own session, for at most `limit` seconds of processor."""
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        _in_child(copy, tests, limit)
    deadline = time.monotonic() + 4 * limit
    done = status = 0
    while not done and time.monotonic() < deadline:
        time.sleep(0.01)
        done, status, used = os.wait4(process, os.WNOHANG)
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)  # what the tests left behind, and themselves after the deadline
    if not done:
        _, status, used = os.wait4(process, 0)
    tail = (copy.parent / "log").read_text(errors="replace")[-3000:]
    skipped = os.waitstatus_to_exitcode(status) == pytest.ExitCode.NO_TESTS_COLLECTED
    return Outcome(status == 0, skipped, used.ru_utime + used.ru_stime, tail)


def _in_child(copy: Path, tests: list[str], limit: int) -> None:
    """Never returns: the exit status is pytest's."""
    status = 70
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        sys.stdout = sys.stderr = open(copy.parent / "log", "w")  # noqa: SIM115
        for stream in (1, 2):
            os.dup2(sys.stdout.fileno(), stream)
        os.chdir(copy)
        os.environ |= {"PYTHONPATH": str(copy), "COMPANION_QUIET": "1"}
        sys.path[:] = [str(copy), *(entry for entry in sys.path if Path(entry).resolve() != ROOT)]
        for name in [name for name in sys.modules if name.split(".")[0] in OWN]:
            del sys.modules[name]
        before = set(sys.modules)
        flags = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", f"--basetemp={copy.parent / 'tmp'}"]
        status = int(pytest.main([*flags, *tests], plugins=[WithoutShrinking()]))
        imported = [name for name in sys.modules if name not in before and name.split(".")[0] not in OWN]
        (copy.parent / "imported").write_text("\n".join(imported))
        sys.stdout.flush()
    finally:
        os._exit(status)


class WithoutShrinking:
    """A pytest plugin: that an example fails is enough, it need not become a small one."""

    def pytest_sessionstart(self) -> None:
        settings.register_profile("mutants", settings(), phases=[Phase.explicit, Phase.generate])
        settings.load_profile("mutants")


def _import_what_they_did(copy: Path) -> None:
    """Import here what the tests had to, besides the repository, so that the next process finds it."""
    for name in (copy.parent / "imported").read_text().split():
        with suppress(Exception):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # so that forked processes share these pages


def summary(sample: Sample, tried: dict[str, int], survived: list[Mutant]) -> dict[str, Any]:
    """The figures: mutants tried and killed, of each module and in all, and each survivor with its reason or None."""
    left = Counter(mutant.module for mutant in survived)
    reasons = read_survivors(SURVIVORS)
    return {
        "sample": sample.size,
        "seed": sample.seed,
        "mutants": sample.mutants,
        "tried": sum(tried.values()),
        "killed": sum(tried.values()) - len(survived),
        "modules": {module: {"tried": n, "killed": n - left[module]} for module, n in sorted(tried.items())},
        "not_tried": [module for module, own in sample.chosen.items() if own and module not in tried],
        "survived": [mutant.key | {"reason": reasons.get(tuple(mutant.key.values()))} for mutant in survived],
    }


def read_survivors(path: Path) -> dict[tuple[str, ...], str]:
    """From a mutant's key to the reason why no test can notice it."""
    return {tuple(entry[name] for name in KEY): entry["reason"] for entry in load_yaml(path) or []}


def main(arguments: list[str]) -> int:
    """The command; 1 if a mutant survives without a reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust.mutate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("module", nargs="*", help="try all mutants of these modules, and write nothing")
    parser.add_argument("--sample", type=int, help="how many mutants, all if not given")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--again", action="store_true", help="go on with the last figures: what survived, what is left")
    asked = parser.parse_args(arguments)
    last = json.loads(RESULTS.read_text()) if asked.again else None
    sample = Sample(asked.module, *((last["sample"], last["seed"]) if last else (asked.sample, asked.seed)))
    tried = {module: counts["tried"] for module, counts in last["modules"].items()} if last else {}
    survived = _survivors_of(last, sample.made) if last else []
    with scratch_copy(ROOT) as copy:
        for module, own in sample.chosen.items():
            own = [mutant for mutant in survived if mutant.module == module] if module in tried else own
            if own:
                try:
                    left = list(_told(try_module(copy, module, own), module, len(own)))
                except NotAvailable as missing:
                    print(missing, flush=True)
                    continue
                survived = [mutant for mutant in survived if mutant.module != module] + left
                tried.setdefault(module, len(own))
                if not asked.module:  # after each module, so that a run that is cut off can go on
                    write_json(RESULTS, summary(sample, tried, survived))
    found = summary(sample, tried, survived)
    print(f"{found['killed']} of {found['tried']} mutants killed")
    return int(any(entry["reason"] is None for entry in found["survived"]))


class Sample:
    """The mutants of some modules, or of all, and those of them that a run tries."""

    def __init__(self, names: list[str], size: int | None, seed: int) -> None:
        os.environ["OMP_NUM_THREADS"] = "1"  # a forked process has none of its parent's threads and would wait for them
        self.size, self.seed = size, seed
        self.made = {module: mutants(module, (ROOT / module).read_text()) for module in names or modules(ROOT)}
        self.mutants = sum(map(len, self.made.values()))
        self.chosen = draw(self.made, size, seed)


def _told(survivors: Iterator[Mutant], module: str, tried: int) -> Iterator[Mutant]:
    print(f"{module}: {tried}", flush=True)
    for mutant in survivors:
        print(f"  survived: {mutant.function}: {mutant.operator}: {mutant.change}", flush=True)
        yield mutant


def _survivors_of(last: dict[str, Any], made: dict[str, list[Mutant]]) -> list[Mutant]:
    """The mutants that the last figures call survivors."""
    keys = [{name: entry[name] for name in KEY} for entry in last["survived"]]
    found = [mutant for own in made.values() for mutant in own if mutant.key in keys]
    if len(found) != len(keys):
        raise CompanionError("a module with survivors has changed since the last run; run a sample again")
    return found


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CompanionError as error:
        sys.exit(f"error: {error}")
