"""The first line of a pydantic error, for errors of the companion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pydantic import ValidationError


UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
"""Pydantic's names for a key that a model does not know."""


class Problem(NamedTuple):
    """An entry that a pydantic model refuses."""

    key: str
    """The place of the entry, with dots between its parts ("splits.train"); empty for the whole."""
    message: str
    """The reason, without a full stop. If a validator of ours raised a ValueError, it is that error's text."""
    kind: str
    """Pydantic's name for the kind of error: "extra_forbidden" for an unknown key, "missing", "value_error", ..."""
    value: Any
    """The value that was refused."""
    place: tuple[int | str, ...]
    """The parts of `key`."""


def first_problem(error: ValidationError) -> Problem:
    """Return the problem to report: the first unknown key, if there is one, else the first problem.

    A mistyped key is both unknown and missing, and the hint that it is unknown is the one that helps.
    """
    first = min(error.errors(include_url=False), key=lambda one: one["type"] not in UNKNOWN)
    key = ".".join(str(part) for part in first["loc"])
    return Problem(key, first["msg"].removeprefix("Value error, "), first["type"], first["input"], first["loc"])


def first_error(error: ValidationError) -> str:
    """`first_problem` in words: the dotted name of the setting, its value, and what it should be."""
    problem = first_problem(error)
    message = problem.message.replace("Input should", "it should", 1)
    if not problem.key:
        return message
    if problem.kind in UNKNOWN or "missing" in problem.kind:
        return f"{problem.key}: {message}"
    return f"{problem.key} is {problem.value!r}; {message}"
