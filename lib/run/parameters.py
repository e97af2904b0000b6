"""The parameters of a notebook, read from its tagged cell without running it, and checked before a run.

Papermill only warns about a parameter that a notebook does not have, and accepts any type.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib.base.cells import Cell
from lib.base.errors import CompanionError
from lib.base.names import nearest

TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool, "list": list, "dict": dict}
"""What papermill passes into a notebook unchanged, besides None."""


@dataclass(frozen=True)
class Parameter:
    """One assignment of the parameters cell; `types` are the names of the types that it accepts."""

    name: str
    default: Any
    types: frozenset[str]


def read_parameters(cells: Sequence[Cell], name: str) -> dict[str, Parameter]:
    """Read the parameters of a notebook, by name. `name` is the notebook's, for errors."""
    tagged = [cell for cell in cells if "parameters" in cell.tags]
    if len(tagged) != 1:
        raise CompanionError(f"notebook {name} has {len(tagged)} cells tagged 'parameters'; it needs exactly one")
    try:
        found = [_parameter(statement) for statement in ast.parse(tagged[0].source).body]
    except (SyntaxError, ValueError) as error:
        raise CompanionError(
            f"notebook {name}, parameters cell: {error}; write lines like `seeds: int | None = None`"
        ) from None
    return {parameter.name: parameter for parameter in found}


def check_parameters(given: Mapping[str, Any], known: Mapping[str, Parameter], name: str) -> None:
    """Refuse a parameter that the notebook does not have, and a value whose type it does not accept."""
    for key, value in given.items():
        if key not in known:
            raise CompanionError(f"notebook {name} has no parameter {key!r}; {nearest(key, list(known))}")
        kind = "None" if value is None else type(value).__name__
        types = known[key].types
        if kind not in types and not (kind == "int" and "float" in types):
            wanted = " or ".join(sorted(types))
            raise CompanionError(f"notebook {name}, parameter {key}: {value!r} is {kind}, not {wanted}")


def _parameter(statement: ast.stmt) -> Parameter:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
            return Parameter(name, ast.literal_eval(value), frozenset(_type_names(annotation)))
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            default = ast.literal_eval(value)
            kind = type(default).__name__
            if kind not in TYPES:
                raise ValueError(f"{name} = {default!r} does not say its type")
            return Parameter(name, default, frozenset([kind]))
    raise ValueError(f"line {statement.lineno} does not assign a plain value")


def _type_names(annotation: ast.expr) -> list[str]:
    match annotation:
        case ast.Name(id=name) if name in TYPES:
            return [name]
        case ast.Constant(value=None):
            return ["None"]
        case ast.Subscript(value=inner):
            return _type_names(inner)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _type_names(left) + _type_names(right)
    raise ValueError(f"type {ast.unparse(annotation)} is not one of {', '.join(TYPES)} or None")
