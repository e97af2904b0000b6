from __future__ import annotations

from typing import Any

import pytest

from lib.base.cells import Cell
from lib.base.errors import CompanionError
from lib.run.parameters import check_parameters, read_parameters

SOURCE = """
profile = "scenes"       # a plain value says its type
seeds: int | None = None
rate: float = 0.5
sizes: list[int] = [1, 2]
fast = False
"""


def notebook(source: str, cells: int = 1) -> list[Cell]:
    return [Cell("code", source, ("parameters",)) for _ in range(cells)]


def test_names_and_defaults() -> None:
    found = read_parameters(notebook(SOURCE), "10_x")
    defaults = {name: parameter.default for name, parameter in found.items()}
    assert defaults == {"profile": "scenes", "seeds": None, "rate": 0.5, "sizes": [1, 2], "fast": False}
    assert found["seeds"].types == {"int", "None"}


@pytest.mark.parametrize(
    "given",
    [{}, {"seeds": 2}, {"seeds": None}, {"rate": 1}, {"rate": 1e-3}, {"sizes": [3]}, {"fast": True, "profile": "x"}],
)
def test_good_values(given: dict[str, Any]) -> None:
    check_parameters(given, read_parameters(notebook(SOURCE), "10_x"), "10_x")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"profil": 1}, "notebook 10_x has no parameter 'profil'; did you mean profile?"),
        ({"xyz": 1}, "notebook 10_x has no parameter 'xyz'; known: fast, profile, rate, seeds, sizes"),
        ({"seeds": "2"}, "notebook 10_x, parameter seeds: '2' is str, not None or int"),
        ({"seeds": True}, "notebook 10_x, parameter seeds: True is bool, not None or int"),
        ({"seeds": 2.0}, "notebook 10_x, parameter seeds: 2.0 is float, not None or int"),
        ({"rate": None}, "notebook 10_x, parameter rate: None is None, not float"),
        ({"fast": 1}, "notebook 10_x, parameter fast: 1 is int, not bool"),
        ({"sizes": 3}, "notebook 10_x, parameter sizes: 3 is int, not list"),
    ],
)
def test_unknown_names_and_other_types(given: dict[str, Any], message: str) -> None:
    with pytest.raises(CompanionError) as error:
        check_parameters(given, read_parameters(notebook(SOURCE), "10_x"), "10_x")
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("source", "cells", "message"),
    [
        ("a = 1", 0, "notebook 10_x has 0 cells tagged 'parameters'; it needs exactly one"),
        ("a = 1", 2, "notebook 10_x has 2 cells tagged 'parameters'; it needs exactly one"),
        ("a = ", 1, "notebook 10_x, parameters cell: invalid syntax"),
        ("a = b", 1, "notebook 10_x, parameters cell: malformed node"),
        ("import os", 1, "notebook 10_x, parameters cell: line 1 does not assign a plain value"),
        ("a: int", 1, "notebook 10_x, parameters cell: line 1 does not assign a plain value"),
        ("a = None", 1, "notebook 10_x, parameters cell: a = None does not say its type"),
        (
            "a: Path = 'x'",
            1,
            "notebook 10_x, parameters cell: type Path is not one of int, float, str, bool, list, dict",
        ),
    ],
)
def test_bad_parameters_cells(source: str, cells: int, message: str) -> None:
    with pytest.raises(CompanionError) as error:
        read_parameters(notebook(source, cells), "10_x")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
