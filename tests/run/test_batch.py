from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.base.workers import Workers
from lib.run.batch import _killed, plan, run_tasks, write_summary
from lib.run.runner import Outcome, Task
from lib.worlds.profiles import load_profile
from tests.conftest import Write

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
    outcomes = run_tasks(plan(SCENES, ["10", "90", "20"], notebooks=notebooks), workers=Workers(2))
    assert {one.status for one in outcomes} == {"ran"}
    assert outcomes[-1].notebook == "90_last"
    assert {path.name for path in (results / "scenes" / "notebooks").iterdir()} == {
        f"{one.notebook}.ipynb" for one in outcomes
    }


def test_a_killed_process_is_a_failed_notebook() -> None:
    outcome = _killed(Task(Path("10_x.ipynb"), "scenes", {}))
    assert outcome.status == "failed"
    assert outcome.message.startswith("10_x: a runner process was killed")


def test_the_summary_lies_in_the_cache(cache: Path) -> None:
    path = write_summary("scenes", [Outcome("10_x", "scenes", "ran", {"profile": "scenes"}, seconds=1.5)])
    assert path == cache / "runs" / "scenes" / "summary.json"
    summary = json.loads(path.read_text())
    assert summary["notebooks"][0]["seconds"] == 1.5
    assert summary["versions"]["torch"].startswith("2.13.0")


KILLED = """
import sys
from pathlib import Path
from lib.base.workers import Workers
from lib.run.batch import run_tasks
from lib.run.runner import Task
if __name__ == "__main__":
    run_tasks([Task(Path(path), "scenes", {}) for path in sys.argv[1:]], workers=Workers(2))
"""


@pytest.mark.slow
def test_what_a_killed_run_started_ends_with_it(write: Write, results: Path, tmp_path: Path) -> None:
    """The notebook that waits is not run by the runners that are left, and their kernels end."""
    waits = "import os, time, pathlib\npathlib.Path(r'{}').write_text(str(os.getpid()))\ntime.sleep(600)"
    marks = [tmp_path / name for name in ("one", "two", "three")]
    paths = [write(f"{10 + n}_x", waits.format(mark)) for n, mark in enumerate(marks)]
    script = tmp_path / "run.py"
    script.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, str(script), *map(str, paths)], cwd=ROOT, env=environment)
    while not all(mark.exists() and mark.read_text() for mark in marks[:2]):
        assert process.poll() is None
        time.sleep(0.1)
    process.kill()
    process.wait()
    for mark in marks[:2]:
        with pytest.raises(ProcessLookupError):
            for _ in range(600):
                os.kill(int(mark.read_text()), 0)
                time.sleep(0.1)
    assert not marks[2].exists()


SAYS_WHERE = """
import os, sys
from lib.base.files import cache_root
from lib.base.places import results_root
from lib.worlds.freshness import note_started
note_started("scenes", "10")
print(sys.executable, cache_root(), results_root())
"""


def test_the_kernel_is_this_python_and_writes_where_the_command_was_told(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("10_x", SAYS_WHERE)
    other = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    other.parent.mkdir(parents=True)
    other.write_text(json.dumps({"argv": ["/bin/false"], "display_name": "other", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("COMPANION_RESULTS", "out")
    monkeypatch.setenv("COMPANION_CACHE", "cache")
    monkeypatch.chdir(tmp_path)
    task = Task(path, "scenes", {})
    assert [one.status for one in run_tasks([task])] == ["ran"]
    executed = nbformat.read(tmp_path / "out" / "scenes" / "notebooks" / "10_x.ipynb", as_version=4)
    said = executed.cells[-1].outputs[0].text
    assert said.split() == f"{sys.executable} {tmp_path}/cache {tmp_path}/out".split()
    assert [one.status for one in run_tasks([task])] == ["current"]


def test_a_kernel_that_is_not_installed_is_an_error(write: Write, results: Path) -> None:
    with pytest.raises(CompanionError, match="there is no Jupyter kernel 'pyhton3'; did you mean python3"):
        run_tasks([Task(write("10_x", "1"), "scenes", {})], kernel="pyhton3")
