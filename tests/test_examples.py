"""The examples in the library's docstrings run, and print what they say."""

from __future__ import annotations

import doctest
import importlib
import tempfile
from pathlib import Path

import pytest

from lib.base.files import ROOT
from tests.test_house import SOURCES

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
WITH_EXAMPLES = [path for path in SOURCES if "    >>> " in path.read_text()]
"""Only these modules are imported, so that none fails for an extra that is not installed."""


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_examples_of_a_module(
    path: Path, tmp_path: Path, results: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert found, "no docstring of the module itself has an example"
    said: list[str] = []
    for test in found:
        assert len((test.docstring or "").split("Examples\n")[-1].splitlines()) < 14, f"{test.name}: too long to read"
        doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    assert not said, "".join(said)


def test_the_entry_points_of_every_room_have_examples() -> None:
    rooms = {path.relative_to(ROOT / "lib").parts[0] for path in WITH_EXAMPLES}
    assert {"data", "encoders", "sae", "editing", "metrics", "report", "worlds"} <= rooms


def test_a_wrong_example_is_noticed() -> None:
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert doctest.DocTestRunner().run(test, out=lambda _: None).failed == 1
