"""Tasks in this process and in others have the same results; what goes wrong is one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib.base import workers
from lib.base.children import start_pool
from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import ROOT
from lib.base.workers import HERE, Workers


class Square:
    """Counts in a folder how often it was sent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        (self.folder / f"sent-{time.monotonic_ns()}").touch()

    def __call__(self, task: int) -> tuple[int, str]:
        return task**2, os.environ["OMP_NUM_THREADS"]


def fails(task: int) -> None:
    if task == 1:
        raise CompanionError("one is too few")
    time.sleep(60)


def dies(task: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def waits(mark: Path) -> None:
    mark.write_text(str(os.getpid()))
    time.sleep(60)


def test_a_loop_keeps_the_order_and_does_no_task_before_it_is_asked_for() -> None:
    done: list[int] = []
    results = HERE.each(done.append, [3, 1, 2])
    assert next(results) == (3, None)
    assert done == [3]
    assert [task for task, _ in results] == [1, 2]


def slow_square(task: int) -> int:
    time.sleep(0.5 * (task == 3))  # the first ends last
    return task**2


@pytest.mark.parametrize("workers", [HERE, Workers(2)])
def test_all_results_come_in_the_order_of_the_tasks(workers: Workers) -> None:
    assert workers.all(slow_square, [3, 1, 2], "squares") == [9, 1, 4]
    assert workers.all(slow_square, [], "squares") == []


def test_a_piece_of_work_whose_worker_died_is_named() -> None:
    with pytest.raises(CompanionError, match=r"squares, [12] of 2: its worker died"):
        Workers(2).all(dies, [3, 1], "squares")


@pytest.mark.parametrize(
    ("workers", "tasks", "here"),
    [(HERE, 3, True), (Workers(2), 1, True), (Workers(2), 2, False), (Workers(ray="auto"), 1, False)],
)
def test_where_tasks_are_done(workers: Workers, tasks: int, here: bool) -> None:
    assert workers.here(range(tasks)) == here
    assert workers.here([])


def test_side_by_side_gives_what_a_loop_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process gets the function once, and its share of the cores."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    results = dict(Workers(2).each(Square(tmp_path), range(6)))
    threads = str(max(1, workers.cores() // 2))
    assert results == {task: (task**2, threads) for task in range(6)}
    assert len(list(tmp_path.iterdir())) == 2
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(
    ("quota", "count"),
    [("max 100000\n", 6), ("200000 100000\n", 2), ("50000 100000\n", 1), ("900000 100000\n", 6), (None, 6)],
)
def test_cores_are_those_that_the_process_may_use(
    quota: str | None, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    monkeypatch.setattr(workers, "_QUOTA", tmp_path / "cpu.max")
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    assert workers.cores() == count


def test_a_given_number_of_threads_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert {threads for _, (_, threads) in Workers(2).each(Square(tmp_path), [1, 2])} == {"3"}
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_the_error_of_a_task_is_raised_and_the_others_are_not_waited_for() -> None:
    with pytest.raises(CompanionError, match=r"^one is too few$"):
        list(Workers(2).each(fails, [0, 1, 2]))


def test_a_killed_worker_is_told_with_its_task() -> None:
    with pytest.raises(CompanionError, match=r"^[012]: its worker died, .* finished work is kept") as error:
        list(Workers(2).each(dies, [0, 1, 2]))
    assert "\n" not in str(error.value)
    assert dict(Workers(2).each(dies, [0, 1], lost=lambda task: -1)) == {0: -1, 1: -1}


def test_processes_and_a_cluster_at_once_are_refused() -> None:
    with pytest.raises(
        CompanionError, match="2 processes of this machine and a Ray cluster; give --jobs or --ray, not both"
    ):
        Workers(2, "auto")


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(NotAvailable, match=r"^Ray is not installed; pip install -e '.\[cluster\]'$"):
        list(Workers(ray="auto").each(abs, [1]))


INTERRUPTED = """
import sys
from pathlib import Path
from lib.base.workers import Workers
from tests.base.test_workers import waits
if __name__ == "__main__":
    list(Workers(2).each(waits, [Path(path) for path in sys.argv[1:]]))
"""


def test_ctrl_c_ends_all_processes_without_a_word_of_theirs(tmp_path: Path) -> None:
    """As in a terminal, every process gets it."""
    script = tmp_path / "run.py"
    script.write_text(INTERRUPTED)
    marks = [tmp_path / name for name in ("one", "two", "three")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, str(script), *map(str, marks)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    while not all(mark.exists() and mark.read_text() for mark in marks[:2]):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode != 0
    assert told.count("Traceback") == 1 and told.rstrip().endswith("KeyboardInterrupt")
    for mark in marks[:2]:
        with pytest.raises(ProcessLookupError):
            os.kill(int(mark.read_text()), 0)
    assert not marks[2].exists()


def environment_of(name: str) -> tuple[str | None, int]:
    """The value of a variable in a process of a pool, and the threads of torch there."""
    import torch

    return os.environ.get(name), torch.get_num_threads()


def nothing() -> None: ...


def test_every_pool_has_the_environment_of_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its processes may be forked from one that started earlier and has loaded torch with one thread."""
    for value, threads in (("first", "1"), ("second", "2"), (None, "1")):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        monkeypatch.delenv("COMPANION_TRIED", raising=False)
        if value:
            monkeypatch.setenv("COMPANION_TRIED", value)
        with start_pool(1, nothing) as pool:
            assert pool.submit(environment_of, "COMPANION_TRIED").result() == (value, int(threads))
