"""The time that is left: from last runs, from the speed of this one, and side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.run import durations
from lib.run.durations import TimeLeft, last_seconds, makespan, said
from lib.run.runner import Outcome, Task

PAGE = "| [9](../notebooks/09_a.ipynb) | a | b | 5 s |\n| [10](../notebooks/10_b.ipynb) | c | 12 s |\n"


def executed(folder: Path, seconds: float) -> None:
    folder.mkdir(parents=True)
    (folder / "10_b.ipynb").write_text(json.dumps({"metadata": {"papermill": {"duration": seconds}}}))


def test_the_last_run_on_this_machine_counts_more_than_the_page(results: Path) -> None:
    assert [last_seconds(name, PAGE) for name in ("09_a.ipynb", "10_b.ipynb", "11_c.ipynb")] == [5.0, 12.0, None]
    executed(results / "scenes" / "notebooks", 3.5)
    assert last_seconds("10_b.ipynb", PAGE) == 3.5


@pytest.mark.parametrize(("jobs", "seconds"), [(1, 10.0), (2, 7.0), (3, 5.0), (9, 4.0)])
def test_side_by_side_each_next_one_begins_where_there_is_room(jobs: int, seconds: float) -> None:
    assert makespan([1.0, 3.0, 2.0, 4.0], jobs) == seconds


def test_the_longest_begin_first_and_unknown_ones_count_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"00_a": 20.0, "01_b": 90.0, "02_c": None, "03_d": 60.0}
    monkeypatch.setattr(durations, "last_seconds", lambda name, page: times[name.removesuffix(".ipynb")])
    tasks = [Task(Path(f"{name}.ipynb"), "scenes", {}) for name in times]
    assert [task.notebook.stem for task in durations.longest_first(tasks)] == ["01_b", "02_c", "03_d", "00_a"]


def test_no_tasks_take_no_time() -> None:
    assert makespan([], 2) == 0.0


def left(monkeypatch: pytest.MonkeyPatch, times: dict[str, float], jobs: int, clock: list[float]) -> TimeLeft:
    monkeypatch.setattr(durations, "last_seconds", lambda name, page: times[name.removesuffix(".ipynb")])
    return TimeLeft([Task(Path(f"{name}.ipynb"), "scenes", {}) for name in times], jobs, lambda: clock[0])


def ran(name: str, seconds: float, status: str = "ran") -> Outcome:
    return Outcome(name, "scenes", status, {}, seconds=seconds)


def test_a_slower_machine_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    run = left(monkeypatch, {"10_a": 100.0, "11_b": 200.0, "90_c": 50.0}, 1, clock)
    assert run.seconds() == 350.0
    clock[0] += 200
    assert run.after(ran("10_a", 200.0)) == "1 of 3, about 8 min left"
    assert run.seconds() == 500.0
    clock[0] += 400
    run.after(ran("11_b", 400.0))
    assert run.seconds() == 100.0
    assert run.after(ran("90_c", 100.0)) == "3 of 3"


def test_a_notebook_in_progress_counts_as_far_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    run = left(monkeypatch, {"10_a": 100.0, "11_b": 300.0, "90_c": 50.0}, 2, clock)
    assert run.seconds() == 350.0
    clock[0] = 100.0
    run.after(ran("10_a", 100.0))
    assert run.seconds() == 250.0
    clock[0] = 1000.0
    assert run.seconds() == 0.0


def test_what_did_not_run_says_nothing_about_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = left(monkeypatch, {"10_a": 100.0, "11_b": 200.0}, 1, [0.0])
    assert run.after(ran("10_a", 1.0, "failed")) == "1 of 2, about 3 min left"
    assert run.seconds() == 201.0
    assert run.after(ran("12_up_to_date", 0.0, "current")) == ""


def test_durations_in_words() -> None:
    assert [said(seconds) for seconds in (0.4, 119, 120, 7199, 9000)] == ["0 s", "119 s", "2 min", "120 min", "2.5 h"]
