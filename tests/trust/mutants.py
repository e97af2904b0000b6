"""Mutants of a module: its source with one small fault that numeric code could have.

The operators are one function each. Left out is what changes no number: docstrings, type hints, decorators, what is
said in an error or an f-string, and the keywords and defaults in `COSMETIC`. Strings are never changed.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

COSMETIC = {"chunk", "strict", "desc", "log_every"}
"""Arguments that decide about memory, a self-check or what is shown."""

HINTS = {"annotation", "returns", "decorator_list"}
"""Fields of the syntax tree that hold no arithmetic."""

COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
COMPARED |= {ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}
COMPUTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
COMPUTED |= {ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}
BUILTINS = {"min": "max", "any": "all"}
METHODS = BUILTINS | {
    "sum": "mean", "argmin": "argmax", "minimum": "maximum", "floor": "ceil", "zeros": "ones", "triu": "tril",
    "zeros_like": "ones_like", "new_zeros": "new_ones", "clamp_min": "clamp_max", "std": "var",
}  # fmt: skip
SYMMETRIC = {"min", "max", "minimum", "maximum", "multiply", "isclose", "allclose", "isinstance"}
KEY = ("module", "function", "line", "operator", "change")
"""Fields that tell a mutant from all others."""

GUARDS = (ast.Raise, ast.Return, ast.Continue, ast.Break)


@dataclass(frozen=True)
class Mutant:
    """One fault. module: path in the repository. function: where, "" at module level. line: the line's text.

    operator: name of the kind of fault. change: the expression before and after, or the statement that is dropped.
    """

    module: str
    function: str
    line: str
    operator: str
    change: str
    source: Callable[[], str] = field(compare=False, repr=False)
    """Makes the whole mutated module."""

    @property
    def key(self) -> dict[str, str]:
        """What tells this mutant from all others, without line numbers."""
        return {name: getattr(self, name) for name in KEY}


@dataclass(frozen=True)
class Slot:
    """A node's place in the tree: `field` of `parent`, at `index` where that is a list."""

    parent: ast.AST
    field: str
    index: int | None
    function: str

    @property
    def node(self) -> ast.AST:
        value = getattr(self.parent, self.field)
        return value if self.index is None else value[self.index]

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutants(module: str, source: str) -> list[Mutant]:
    """All mutants of a module's source, from its first line to its last."""
    tree = ast.parse(source)
    lines = source.splitlines()
    made = []
    for slot in slots(tree):
        for operator in OPERATORS:
            for other in operator(slot.node, slot.parent):
                line = lines[slot.node.lineno - 1].strip()
                change = _change(slot, other)
                text = _maker(tree, slot, other)
                made.append(Mutant(module, slot.function, line, operator.__name__, change, text))
    return _told_apart(made)


def _told_apart(made: list[Mutant]) -> list[Mutant]:
    """The same change twice on one line gets a number."""
    seen: Counter[Mutant] = Counter()
    for place, mutant in enumerate(made):
        seen[mutant] += 1
        if seen[mutant] > 1:
            made[place] = replace(mutant, change=f"{mutant.change} (number {seen[mutant]})")
    return made


def _maker(tree: ast.Module, slot: Slot, other: ast.AST) -> Callable[[], str]:
    def text() -> str:
        node = slot.node
        slot.put(other)
        try:
            return ast.unparse(ast.fix_missing_locations(tree))
        finally:
            slot.put(node)

    return text


def _change(slot: Slot, other: ast.AST) -> str:
    """Constants are shown within the expression that holds them: `0 -> 1` alone tells little."""
    node = slot.node
    if isinstance(other, ast.Pass):
        return f"drop {ast.unparse(node).splitlines()[0]}"
    shown = slot.parent if isinstance(node, ast.Constant) and isinstance(slot.parent, ast.expr | ast.keyword) else node
    before = ast.unparse(shown)
    slot.put(other)
    after = ast.unparse(other if shown is node else shown)
    slot.put(node)
    return f"{before} -> {after}"


def slots(node: ast.AST, function: str = "") -> Iterator[Slot]:
    """Every place below a node whose content decides about a result, in source order."""
    for name, value in ast.iter_fields(node):
        if name in HINTS:
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or _cosmetic(node, name, index, child):
                continue
            inside = function
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inside = f"{function}.{child.name}".lstrip(".")
            if hasattr(child, "lineno"):
                yield Slot(node, name, index if isinstance(value, list) else None, inside)
            yield from slots(child, inside)


def _cosmetic(parent: ast.AST, name: str, index: int, child: ast.AST) -> bool:
    match child:
        case ast.Raise() | ast.JoinedStr() | ast.Assert() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Call(func=ast.Name(id="isinstance")):
            return True
        case ast.keyword(arg=word) if word in COSMETIC:
            return True
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.Assign(value=ast.BinOp(op=ast.BitOr())) if isinstance(parent, ast.Module):
            return True  # a type
    if isinstance(parent, ast.arguments) and name in ("defaults", "kw_defaults"):
        named = parent.kwonlyargs if name == "kw_defaults" else parent.args[-len(parent.defaults) :]
        return named[index].arg in COSMETIC
    return False


# The operators: from a node and its parent to what could stand there instead.


def compare(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """`<` and `<=`, `>` and `>=`, `==` and `!=`, `in` and `not in`, `is` and `is not`."""
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            ops = [*node.ops[:place], COMPARED[type(op)](), *node.ops[place + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators)


def compute(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """`+` and `-`, `*` and `/`, `&` and `|`, also in `+=`; `**`, `//` and `%` become another one."""
    if isinstance(node, ast.BinOp) and type(node.op) in COMPUTED:
        yield ast.BinOp(node.left, COMPUTED[type(node.op)](), node.right)
    if isinstance(node, ast.AugAssign) and type(node.op) in COMPUTED:
        yield ast.AugAssign(node.target, COMPUTED[type(node.op)](), node.value)


def logic(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """`and` and `or`, True and False; `not` and `~` are dropped."""
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
        yield node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)


def constant(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """0 and 1 are swapped, another whole number grows by 1, a fraction by a hundredth, a tiny one tenfold."""
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float) or isinstance(parent, ast.Slice):
        return
    value = node.value
    if value in (0, 1):
        yield ast.Constant(type(value)(1 - value))
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    else:
        yield ast.Constant(value * (1.01 if value >= 1e-3 else 10))


def minus(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """A minus sign is dropped."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand


def function(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """`min` and `max`, `sum` and `mean`, `any` and `all`, `zeros` and `ones`, and their like."""
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in _both_ways(BUILTINS):
            yield ast.Call(ast.Name(_both_ways(BUILTINS)[name]), node.args, node.keywords)
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in _both_ways(METHODS):
            yield ast.Call(ast.Attribute(value, _both_ways(METHODS)[name]), node.args, node.keywords)


def _both_ways(names: dict[str, str]) -> dict[str, str]:
    return names | {other: name for name, other in names.items()}


def arguments(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """Two neighbouring arguments that are plain names change places."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func).split(".")[-1] in SYMMETRIC:
        return
    for place in range(len(node.args) - 1):
        first, second = node.args[place : place + 2]
        if isinstance(first, ast.Name) and isinstance(second, ast.Name):
            yield ast.Call(node.func, [*node.args[:place], second, first, *node.args[place + 2 :]], node.keywords)


def bound(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """A slice begins one later, or ends one earlier."""
    if isinstance(node, ast.Slice):
        if node.lower is not None:
            yield ast.Slice(ast.BinOp(node.lower, ast.Add(), ast.Constant(1)), node.upper, node.step)
        if node.upper is not None:
            yield ast.Slice(node.lower, ast.BinOp(node.upper, ast.Sub(), ast.Constant(1)), node.step)


def result(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """Nothing is returned."""
    if isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) != "None":
        yield ast.Return(ast.Constant(None))


def statement(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """A guard, a call for its effect, an update in place or a yield is dropped."""
    match node:
        case ast.AugAssign() | ast.Expr(value=ast.Call() | ast.Yield()) | ast.Assign(targets=[ast.Subscript()]):
            yield ast.Pass()
        case ast.If(body=[last], orelse=[]) if isinstance(last, GUARDS):
            yield ast.Pass()


OPERATORS = (compare, compute, logic, constant, minus, function, arguments, bound, result, statement)
