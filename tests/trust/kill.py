"""Kill commands with SIGKILL at random moments, start them again, and compare what they leave with an undisturbed run.

    python -m tests.trust.kill [--kills 100] [--seed 0] [CASE ...]

Each case is a command of the product with a separate cache and results folder. It is killed, process group and all,
after a random part of the time that it takes undisturbed, and started again, until it ends by itself; then every byte
that it left is compared, and it starts again with an empty cache. The result of each case is noted for docs/trust.md.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import torch
from tqdm import tqdm

import lib.apps.embed_world
import lib.apps.train_dictionaries
import lib.run.batch
import lib.worlds.own_pictures  # noqa: F401 (what commands import when they run)
from lib.base.files import ROOT
from lib.run import cli
from tests.trust.common import kept, note

FORK = get_context("fork")
SMALL = "seeds=[0] sae.expansions=[1] sae.steps=60 sae.batch=64"
FEW = "splits.train=400 splits.dev=100 splits.test=100"


class Case(NamedTuple):
    """A command. victim: what is killed, all of it or the kernel of a notebook. copies: how many run at once."""

    command: list[str]
    victim: str = "all"
    copies: int = 1


def command(words: str, settings: str) -> list[str]:
    """The words of a command and its settings."""
    return [*words.split(), *(word for setting in settings.split() for word in ("--set", setting))]


TRAIN = command("train --profile photos --recipe batch_topk --expansion 1", "sae.steps=1200 sae.batch=64")
CASES = {
    "training": Case(TRAIN),
    "two-trainings-at-once": Case(TRAIN, copies=2),
    "embedding": Case(command("embed --profile scenes", FEW)),
    "notebook": Case(command("run 04 --profile photos", SMALL), victim="kernel"),
    "runner": Case(command("run 00 04 --jobs 2", f"{SMALL} {FEW}")),
}


def start(command: list[str], folder: Path) -> ForkProcess:
    """The product's command in a cache and results of its own, in its own process group.

    It is forked from this process, which has imported what commands import: most kills would hit nothing but imports.
    """
    process = FORK.Process(target=work, args=(command, folder))
    process.start()
    return process


def work(command: list[str], folder: Path) -> None:
    """In the new process: what `python -m lib COMMAND` does."""
    os.setsid()
    log = os.open(folder / "log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.dup2(log, 1), os.dup2(log, 2)
    own = {"COMPANION_CACHE": str(folder / "cache"), "COMPANION_RESULTS": str(folder / "results")}
    os.environ |= own | {"OMP_NUM_THREADS": "1", "COMPANION_QUIET": "1"}
    os.chdir(ROOT)
    sys.argv = ["lib", *command]
    cli.main()


def finish(process: ForkProcess, folder: Path) -> None:
    """Wait for a run that must succeed."""
    process.join()
    if process.exitcode != 0:
        raise SystemExit((folder / "log").read_text()[-2000:])


def kill(process: ForkProcess, victim: str) -> None:
    """Kill the kernel that the process runs, if that is wanted and there is one; else the process and its group."""
    assert process.pid is not None
    kernels = []
    if victim == "kernel":
        children = psutil.Process(process.pid).children(recursive=True)
        kernels = [child for child in children if "ipykernel_launcher" in " ".join(child.cmdline())]
    if kernels:
        kernels[0].send_signal(signal.SIGKILL)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.join()  # a runner whose kernel died tells it and ends


def attempt(case: Case, folder: Path, after: float) -> bool:
    """Start the command, kill it (one of its copies) after some seconds; whether it was still running then."""
    processes = [start(case.command, folder) for _ in range(case.copies)]
    processes[0].join(after)
    alive = processes[0].exitcode is None
    if alive:
        kill(processes[0], case.victim)
    for process in processes if not alive else processes[1:]:
        finish(process, folder)
    return alive


def a_round(case: Case, folder: Path, most: int, seconds: float, rng: random.Random) -> dict[str, int]:
    """Kill and start again until the command ends by itself, or `most` kills are done; kills, and those at work.

    at_work: kills that came after something was written and before all was.
    """
    folder.mkdir()
    kills = at_work = 0
    while kills < most:
        if not attempt(case, folder, rng.uniform(0, seconds)):
            return {"kills": kills, "at_work": at_work}
        kills += 1
        at_work += any(path.suffix != ".lock" for path in (folder / "cache").rglob("*") if path.is_file())
    finish(start(case.command, folder), folder)
    return {"kills": kills, "at_work": at_work}


def examine(name: str, kills: int, rng: random.Random, root: Path) -> list[dict[str, Any]]:
    """The rounds of a case: kills of each, and whether all files were those of an undisturbed run."""
    case, whole = CASES[name], root / "whole"
    whole.mkdir()
    began = time.monotonic()
    finish(start(case.command, whole), whole)
    seconds, wanted = time.monotonic() - began, kept(whole)
    rounds: list[dict[str, Any]] = []
    with tqdm(total=kills, desc=name, unit=" kills") as bar:
        while (done := sum(one["kills"] for one in rounds)) < kills:
            folder = root / f"round-{len(rounds)}"
            made = a_round(case, folder, kills - done, seconds, rng)
            found = kept(folder)
            differing = sorted(path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))
            rounds.append(made | {"equal": not differing, "differing": differing})
            bar.update(made["kills"])
            note(f"kill-{name}", {"command": " ".join(case.command), "files": len(wanted), "rounds": rounds})
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill commands at random moments and compare what they leave.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--kills", type=int, default=100, help="in all, shared among the cases")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    chosen = parser.parse_args()
    torch.set_num_threads(1)  # a forked process would wait for threads that only its parent has
    names, good = chosen.cases or list(CASES), True
    for place, name in enumerate(names):
        share = chosen.kills // len(names) + (place < chosen.kills % len(names))
        with tempfile.TemporaryDirectory(prefix="companion-kill-", ignore_cleanup_errors=True) as folder:
            found = examine(name, share, random.Random(f"{chosen.seed} {name}"), Path(folder))
        good &= all(one["equal"] for one in found)
        print(f"{name}: {share} kills in {len(found)} rounds")
    if not good:
        raise SystemExit("some files differ from those of the undisturbed run; see tests/trust/results")


if __name__ == "__main__":
    main()
