from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.run.execution import START_TRIES
from lib.run.runner import Task, is_up_to_date, run_notebook
from tests.conftest import Write

WRITES_A_RESULT = """
from lib.worlds.freshness import note_written
from lib.base.places import results_root
path = results_root() / profile / "x.csv"
path.write_text(f"{rate}")
note_written(profile, "10", path)
"""


def run(path: Path, force: bool = False, **parameters: Any) -> Any:
    return run_notebook(Task(path, "scenes", parameters), force=force)


def test_runs_once_and_again_when_something_changed(write: Write, results: Path, no_kernel: list[str]) -> None:
    path = write("10_x", WRITES_A_RESULT)
    table, executed = results / "scenes" / "x.csv", results / "scenes" / "notebooks" / "10_x.ipynb"
    assert run(path).status == "ran"
    assert table.read_text() == "0.5"
    assert [file.name for file in executed.parent.iterdir()] == ["10_x.ipynb"]
    assert run(path).status == "current"
    assert no_kernel == ["10_x"]

    assert run(path, rate=0.25).status == "ran"  # other parameters
    assert table.read_text() == "0.25"
    table.write_text("0.75")  # results are not as the run left them
    assert run(path, rate=0.25).status == "ran"
    path = write("10_x", WRITES_A_RESULT, "done = True")  # another source
    assert run(path, rate=0.25).status == "ran"
    executed.unlink()
    assert run(path, rate=0.25).status == "ran"
    assert run(path, rate=0.25).status == "current"
    assert run(path, force=True, rate=0.25).status == "ran"
    path = write("10_x", "no_result = True")  # what an older source wrote is not this one's
    assert run(path).status == "ran"
    table.unlink()
    assert run(path).status == "current"


def test_a_late_notebook_runs_again_when_claims_changed(write: Write, results: Path, no_kernel: list[str]) -> None:
    late, early = write("90_x", "1"), write("10_x", "1")
    assert [run(late).status, run(early).status] == ["ran", "ran"]
    claim = results / "clip-arrays" / "claims" / "p1.C1.json"
    claim.parent.mkdir(parents=True)
    claim.write_text("{}")
    assert [run(late).status, run(early).status] == ["ran", "current"]
    assert run(late).status == "current"


def test_a_changed_profile_writes_to_a_folder_of_its_own(write: Write, results: Path, no_kernel: list[str]) -> None:
    outcome = run(write("10_x", "1"), seeds=1)
    assert outcome.profile.startswith("scenes~")
    assert (results / outcome.profile / "notebooks" / "10_x.ipynb").is_file()
    assert not (results / "scenes").exists()


def put_old_output(results: Path) -> Path:
    executed = results / "scenes" / "notebooks" / "10_x.ipynb"
    executed.parent.mkdir(parents=True)
    executed.write_text("old")
    return executed


def test_a_good_run_replaces_the_old_output(write: Write, results: Path) -> None:
    executed = put_old_output(results)
    executed.with_suffix(".failed.ipynb").write_text("older")
    assert run(write("10_x", "print('new', rate)"), rate=2).status == "ran"
    made = nbformat.read(executed, as_version=4)
    nbformat.validate(made)
    assert made.cells[-1].outputs[0].text == "new 2\n"
    assert [file.name for file in executed.parent.iterdir()] == ["10_x.ipynb"]


def test_a_failure_is_one_line_and_keeps_the_old_output(write: Write, results: Path) -> None:
    executed = put_old_output(results)
    outcome = run(write("10_x", "print('new')", "raise ValueError('no\\nsuch thing')"))
    assert outcome.status == "failed"
    assert outcome.cell == 4  # the title is no code: parameters, injected parameters, two cells
    assert outcome.message.startswith("10_x, cell [4]: ValueError: no (see ")
    assert executed.read_text() == "old"
    assert "new" in executed.with_suffix(".failed.ipynb").read_text()
    assert len(list(executed.parent.iterdir())) == 2


def test_what_the_machine_lacks_is_skipped(write: Write, results: Path) -> None:
    executed = put_old_output(results)
    path = write("10_x", "from lib.base.errors import NotAvailable\nraise NotAvailable('no GPU here; use cpu')")
    outcome = run(path)
    assert (outcome.status, outcome.message) == ("skipped", "no GPU here; use cpu")
    assert [file.read_text() for file in executed.parent.iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"profil": "x"}, "notebook 10_x has no parameter 'profil'; did you mean profile?"),
        ({"rate": "fast"}, "notebook 10_x, parameter rate: 'fast' is str, not float"),
        ({"seeds": 9}, "seeds=9: profile scenes has 5 seeds; give 1 to 5"),
    ],
)
def test_bad_parameters_run_nothing(write: Write, results: Path, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(CompanionError) as error:
        run(write("10_x", "1"), **parameters)
    assert str(error.value) == message
    assert not results.exists()


def test_files_that_are_no_notebooks(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"there is no notebook 10_x\.ipynb"):
        run(tmp_path / "10_x.ipynb")
    (tmp_path / "10_x.ipynb").write_text('{"cells": [')
    with pytest.raises(CompanionError, match=r"notebook 10_x\.ipynb is not readable"):
        run(tmp_path / "10_x.ipynb")


@pytest.mark.parametrize(
    ("error", "tries", "message"),
    [
        (RuntimeError("Kernel didn't respond in 60 seconds"), START_TRIES, "10_x: RuntimeError: Kernel didn't respond"),
        (RuntimeError("Kernel died before replying to kernel_info"), START_TRIES, "10_x: RuntimeError: Kernel died"),
        (RuntimeError("something else"), 1, "10_x: RuntimeError: something else"),
        (DeadKernelError("Kernel died"), 1, "10_x: the kernel died; often this means that memory ran out"),
        (CellTimeoutError("A cell timed out"), 1, "10_x: a cell took more than 3600 s"),
        (OSError("disk\nfull"), 1, "10_x: OSError: disk"),
    ],
)
def test_only_a_kernel_that_does_not_start_is_tried_again(
    write: Write, results: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int, message: str
) -> None:
    calls = []

    def fail(source: Path, partial: Path, *_: Any, **__: Any) -> None:
        calls.append(source)
        partial.write_text("half")
        raise error

    monkeypatch.setattr(papermill, "execute_notebook", fail)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    outcome = run(write("10_x", "1"))
    assert outcome.status == "failed"
    assert outcome.message.startswith(message)
    assert len(calls) == tries
    assert list((results / "scenes" / "notebooks").iterdir()) == []


def test_a_kernel_that_starts_at_the_second_try(write: Write, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Exception | None] = [RuntimeError("Kernel didn't respond in 60 seconds"), None]

    def second_try(source: Path, partial: Path, *_: Any, **__: Any) -> None:
        answer = answers.pop(0)
        if answer:
            raise answer
        partial.write_text("whole")

    monkeypatch.setattr(papermill, "execute_notebook", second_try)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert run(write("10_x", "1")).status == "ran"
    assert (results / "scenes" / "notebooks" / "10_x.ipynb").read_text() == "whole"


KILLED = """
import sys
from pathlib import Path
from lib.run.runner import Task, run_notebook
run_notebook(Task(Path(sys.argv[1]), "scenes", {}))
"""


def test_a_run_that_is_killed_leaves_the_old_output(
    write: Write, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = put_old_output(results)
    waits = f"import time, pathlib\npathlib.Path(r'{tmp_path / 'reached'}').touch()\ntime.sleep(600)"
    path = write("10_x", "print('new')", waits)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], cwd=ROOT)
    while not (tmp_path / "reached").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()  # the kernel notices that it is alone, and ends
    process.wait()
    assert executed.read_text() == "old"
    assert sorted(file.name for file in executed.parent.iterdir()) == [".partial.10_x.ipynb", "10_x.ipynb"]
    monkeypatch.setattr(papermill, "execute_notebook", lambda source, partial, *_, **__: partial.write_text("new"))
    assert run(path).status == "ran"
    assert [file.read_text() for file in executed.parent.iterdir()] == ["new"]


def test_up_to_date_is_what_a_run_has_nothing_to_do_for(write: Write, results: Path, no_kernel: list[str]) -> None:
    path = write("10_x", "1")
    assert not is_up_to_date(Task(path, "scenes", {}))
    run(path)
    assert is_up_to_date(Task(path, "scenes", {}))
    assert not is_up_to_date(Task(path, "scenes", {"rate": 0.25}))
