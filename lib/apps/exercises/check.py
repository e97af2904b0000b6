"""Check an answer to an exercise: a learner's function in, one line out that says what is wrong with it.

The checks of notebook NN are in `checks_NN.py`, one function an exercise and of the same name. A check calls the
learner's function and returns what is wrong in a sentence, or None; its docstring says what the exercise asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import FunctionType
from typing import Any

from lib.base.errors import CompanionError

SOURCES = [
    import_module(f"{__package__}.{found.name}")
    for found in iter_modules([str(Path(__file__).parent)])
    if found.name.startswith("checks_")
]
"""The checks, one module per notebook."""

Check = Callable[[Callable[..., Any]], str | None]


class _NotWritten(Exception):
    """The learner's function returned nothing."""


def check(answer: Callable[..., Any]) -> None:
    """Print whether a function solves the exercise of its name: `[right]`, `[to do]`, or `[not yet]` and the reason.

    Errors in the learner's own code are raised as they are.

    Examples
    --------
    >>> def two_pictures():
    ...     ...
    >>> check(two_pictures)
    [to do] two_pictures returns nothing yet
    """
    try:
        problem = what_is_wrong(answer)
    except _NotWritten:
        print(f"[to do] {answer.__name__} returns nothing yet")
        return
    print(f"[not yet] {answer.__name__}: {problem}" if problem else f"[right] {answer.__name__}")


def what_is_wrong(answer: Callable[..., Any]) -> str | None:
    """What is wrong with an answer, in a sentence without its full stop; None if nothing is."""
    known = all_checks()
    if answer.__name__ not in known:
        raise CompanionError(f"there is no exercise {answer.__name__!r}; name the function as the exercise does")
    failed: list[Exception] = []

    def called(*arguments: Any) -> Any:
        try:
            value = answer(*arguments)
        except Exception as error:
            failed.append(error)
            raise
        if value is None:
            raise _NotWritten
        return value

    asked = known[answer.__name__]
    try:
        return asked(called)
    except (TypeError, ValueError, LookupError, AttributeError):
        if failed:
            raise
        form = (asked.__doc__ or "")[:-1]
        return f"the exercise {form[:1].lower()}{form[1:]}"


@cache
def all_checks() -> dict[str, Check]:
    """The checks of all notebooks by the name of the exercise."""
    return {
        name: one
        for source in SOURCES
        for name, one in vars(source).items()
        if isinstance(one, FunctionType) and one.__module__ == source.__name__ and not name.startswith("_")
    }
