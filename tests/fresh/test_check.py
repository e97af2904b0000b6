"""The check of a fresh machine, on a repository of three files that plays the companion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fresh import check as fresh

MAKEFILE = """env:
\t@mkdir -p .venv/bin && cp companion.sh .venv/bin/python && echo "$(PYTHON)" > .venv/made-by
reproduce test:
\t@.venv/bin/python $@
"""
WRITES = 'echo 1 >> results/scenes/claims/a.json; echo "$HOME|$PWD|$COMPANION_CACHE" > results/scenes/where.txt'

ME = fresh.User("", (), ())


@pytest.fixture
def clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that clones are made in."""
    monkeypatch.setattr(fresh.tempfile, "tempdir", str(tmp_path))
    return tmp_path


def repository(folder: Path, script: str) -> Path:
    """A repository whose `.venv/bin/python` runs a line of shell, whatever it is asked for."""
    source = folder / "source"
    files = {
        "Makefile": MAKEFILE,
        "companion.sh": f'#!/bin/sh\ncase "$*" in *pytest*) exit 0;; esac\n{script}\n',
        ".gitignore": ".venv/\n",
        "results/scenes/where.txt": "",
        "results/scenes/claims/a.json": "",
        "results/scenes/claims/b.json": "",
    }
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (source / "companion.sh").chmod(0o755)
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=source, check=True)
    return source


def test_a_clone_that_is_well_leaves_nothing(clones: Path) -> None:
    assert fresh.check(sys.executable, "quick", ME, repository(clones, WRITES)) == []
    assert [path.name for path in clones.iterdir()] == ["source"]


@pytest.mark.parametrize(
    ("level", "script", "problem"),
    [
        ("quick", "exit 3", "`.venv/bin/python -m lib run 03` failed in "),
        ("quick", "true", "no claim was written"),
        ("quick", f"{WRITES}; touch left", "not as committed: ?? left"),
        ("quick", f"{WRITES}; rm companion.sh", "not as committed:  D companion.sh"),
        ("reproduce", WRITES, "results/scenes/claims/b.json was not written anew"),
        ("all", f"{WRITES}; test $1 = reproduce", "`make test` failed in "),
    ],
)
def test_what_goes_wrong_is_said_and_the_clone_is_kept(clones: Path, level: str, script: str, problem: str) -> None:
    (said,) = fresh.check(sys.executable, level, ME, repository(clones, script))
    assert said.startswith(problem)
    assert len(list(clones.glob(f"companion-fresh-*/{fresh.ODD}/companion/.venv/made-by"))) == 1


def test_a_command_sees_a_fresh_machine(clones: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_CACHE", "old")
    monkeypatch.setenv("PYTHONPATH", "old")
    monkeypatch.setenv("PIP_CERT", "kept")
    fresh.check(sys.executable, "reproduce", ME, repository(clones, WRITES))
    (said,) = clones.glob(f"companion-fresh-*/{fresh.ODD}/companion/results/scenes/where.txt")
    home, here, cache = said.read_text().rstrip("\n").split("|")
    assert (Path(home).name, Path(here), cache) == ("home", said.parents[2], "")
    assert " " in here and not here.isascii()
    kept = fresh.environment(clones)
    assert kept["PIP_CERT"] == "kept" and not {"PYTHONPATH", "COMPANION_CACHE", "VIRTUAL_ENV"} & set(kept)


def test_pythons_that_do_not_start_or_are_too_old_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scripts = {"old": "echo 3.9; exit 1", "broken": "exit 127"}
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    version = ".".join(map(str, sys.version_info[:2]))
    asked = [sys.executable, *(str(tmp_path / name) for name in (*scripts, "missing"))]
    assert fresh.find_pythons(asked, ME) == {version: sys.executable}
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == asked[1:]


def test_without_any_python_the_check_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert fresh.main(["quick", "no-such-python"]) == 1
    assert "no-such-python: not here" in capsys.readouterr().out


def test_the_short_notebook_is_there_and_writes_claims() -> None:
    (notebook,) = (fresh.ROOT / "notebooks").glob(f"{fresh.SHORT}_*.ipynb")
    claims = (fresh.ROOT / "results").glob("*/claims/*.json")
    assert any(f'"notebook": "{notebook.stem}"' in path.read_text() for path in claims)
