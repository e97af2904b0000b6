from __future__ import annotations

import json
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from lib.data.errors import CompanionError
from lib.run.batch import _outcome, plan, run_tasks, write_summary
from lib.run.profiles import load_profile
from lib.run.runner import Outcome, Task
from tests.run.conftest import Write

SCENES = load_profile("scenes")


@pytest.fixture
def notebooks(write: Write) -> Path:
    for name in ("90_last", "03_real", "10_x", "20_y"):
        path = write(name, "1")
    return path.parent


def test_a_plan_keeps_the_order_and_knows_own_profiles(notebooks: Path) -> None:
    tasks = plan(
        SCENES, ["90", "03", "10", "03"], overrides=["sae.steps=7"], parameters={"rate": 2}, notebooks=notebooks
    )
    assert [(task.notebook.name, task.profile) for task in tasks] == [
        ("90_last.ipynb", "scenes sae.steps=7"),
        ("03_real.ipynb", "clip-arrays sae.steps=7"),
        ("10_x.ipynb", "scenes sae.steps=7"),
    ]
    assert tasks[0].parameters == {"rate": 2}


@pytest.mark.parametrize(
    ("numbers", "overrides", "parameters", "message"),
    [
        (["10", "11"], [], {}, "there is no notebook 11; known: 03 10 20 90"),
        (["10"], ["sae.q=1"], {}, "profile scenes has no key 'sae.q' to set"),
        (["10"], [], {"profile": 3}, "notebook 10_x, parameter profile: 3 is int, not str"),
    ],
)
def test_a_bad_plan_is_refused_before_anything_runs(
    notebooks: Path, numbers: list[str], overrides: list[str], parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(CompanionError) as error:
        plan(SCENES, numbers, overrides=overrides, parameters=parameters, notebooks=notebooks)
    assert str(error.value).startswith(message)


def test_two_notebooks_of_one_number(notebooks: Path, write: Write) -> None:
    write("10_other", "1")
    with pytest.raises(CompanionError, match=r"two notebooks have the number 10 \(10_other.ipynb, 10_x.ipynb\)"):
        plan(SCENES, ["10"], notebooks=notebooks)


def test_late_notebooks_run_last_and_a_failure_stops_no_other(
    notebooks: Path, write: Write, results: Path, no_kernel: list[str]
) -> None:
    write("10_x", "raise ValueError('broken')")
    told: list[Outcome] = []
    outcomes = run_tasks(plan(SCENES, ["90", "10", "20"], notebooks=notebooks), on_outcome=told.append)
    assert no_kernel == ["20_y", "90_last"]
    assert [(one.notebook, one.status) for one in outcomes] == [("10_x", "failed"), ("20_y", "ran"), ("90_last", "ran")]
    assert told == outcomes
    assert told[0].line() == "10_x                         failed   10_x: ValueError: broken"


@pytest.mark.slow
def test_processes_side_by_side(notebooks: Path, results: Path) -> None:
    outcomes = run_tasks(plan(SCENES, ["10", "90", "20"], notebooks=notebooks), jobs=2)
    assert {one.status for one in outcomes} == {"ran"}
    assert outcomes[-1].notebook == "90_last"
    assert {path.name for path in (results / "scenes" / "notebooks").iterdir()} == {
        f"{one.notebook}.ipynb" for one in outcomes
    }


def test_a_killed_process_is_a_failed_notebook() -> None:
    future: Future[Outcome] = Future()
    future.set_exception(BrokenProcessPool())
    outcome = _outcome(future, Task(Path("10_x.ipynb"), "scenes", {}))
    assert outcome.status == "failed"
    assert outcome.message.startswith("10_x: a runner process was killed")


def test_the_summary_lies_in_the_cache(cache: Path) -> None:
    path = write_summary("scenes", [Outcome("10_x", "scenes", "ran", {"profile": "scenes"}, seconds=1.5)])
    assert path == cache / "runs" / "scenes" / "summary.json"
    summary = json.loads(path.read_text())
    assert summary["notebooks"][0]["seconds"] == 1.5
    assert summary["versions"]["torch"].startswith("2.13.0")
