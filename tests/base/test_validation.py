"""The one line that a pydantic error becomes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from lib.base.validation import first_error, first_problem


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sizes: list[int]

    @field_validator("sizes")
    @classmethod
    def _rising(cls, sizes: list[int]) -> list[int]:
        if sizes != sorted(sizes):
            raise ValueError("sizes must rise")
        return sizes


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    inner: Inner


@pytest.mark.parametrize(
    ("given", "key", "kind", "value"),
    [
        ({"name": "a", "inner": {"sizes": [1, "x"]}}, "inner.sizes.1", "int_parsing", "x"),
        ({"name": "a", "inner": {"sizes": [2, 1]}}, "inner.sizes", "value_error", [2, 1]),
        ({"name": "a", "inner": {}}, "inner.sizes", "missing", {}),
        ({"nane": "a", "inner": {}}, "nane", "extra_forbidden", "a"),
        ({"name": 1, "inner": {"sizes": [], "size": 3}}, "inner.size", "extra_forbidden", 3),
        (7, "", "model_type", 7),
    ],
)
def test_the_first_problem_and_unknown_keys_before_all(given: Any, key: str, kind: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(given)
    found = first_problem(caught.value)
    assert (found.key, found.kind, found.value) == (key, kind, value)
    assert ".".join(map(str, found.place)) == key
    assert found.message and not found.message.startswith("Value error")


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"name": 3, "inner": {"sizes": []}}, "name is 3; it should be a valid string"),
        ({"name": "a", "inner": {"sizes": [2, 1]}}, "inner.sizes is [2, 1]; sizes must rise"),
        ({"name": "a"}, "inner: Field required"),
        ({"nane": "a", "inner": {}}, "nane: Extra inputs are not permitted"),
        (7, "it should be a valid dictionary or instance of Outer"),
    ],
)
def test_the_first_error_is_one_line(given: Any, line: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(given)
    assert first_error(caught.value) == line
