"""The mutation tool makes the faults that it says, and tells a test that notices them from one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import ROOT
from tests.trust.mutants import Mutant, mutants
from tests.trust.mutate import SURVIVORS, checked_by, draw, modules, read_survivors, run_tests, try_module

CHANGES = [
    ("a < b", "compare", ["a < b -> a <= b"]),
    ("a == b != c", "compare", ["a == b != c -> a != b != c", "a == b != c -> a == b == c"]),
    ("a in b", "compare", ["a in b -> a not in b"]),
    ("a + b", "compute", ["a + b -> a - b"]),
    ("a ** b", "compute", ["a ** b -> a * b"]),
    ("a += b", "compute", ["a += b -> a -= b"]),
    ("not a and b", "logic", ["not a and b -> not a or b", "not a -> a"]),
    ("f(keepdims=True)", "logic", ["keepdims=True -> keepdims=False"]),
    ("f(axis=0)", "constant", ["axis=0 -> axis=1"]),
    ("a * 0.5", "constant", ["a * 0.5 -> a * 0.505"]),
    ("a > 1e-09", "constant", ["a > 1e-09 -> a > 1e-08"]),
    ("n - 2", "constant", ["n - 2 -> n - 3"]),
    ("-a", "minus", ["-a -> a"]),
    ("a.mean(axis=b)", "function", ["a.mean(axis=b) -> a.sum(axis=b)"]),
    ("max(a, b)", "function", ["max(a, b) -> min(a, b)"]),
    ("f(a, b)", "arguments", ["f(a, b) -> f(b, a)"]),
    ("np.maximum(a, b)", "arguments", []),
    ("a[b:c]", "bound", ["b:c -> b + 1:c", "b:c -> b:c - 1"]),
    ("f(a)", "statement", ["drop f(a)"]),
    ("a[b] = c", "statement", ["drop a[b] = c"]),
    ("f(axis=0) + f(axis=0)", "constant", ["axis=0 -> axis=1", "axis=0 -> axis=1 (number 2)"]),
]


@pytest.mark.parametrize(("source", "operator", "changes"), CHANGES)
def test_an_operator_makes_these_changes(source: str, operator: str, changes: list[str]) -> None:
    assert [mutant.change for mutant in mutants("toy.py", source) if mutant.operator == operator] == changes


GUARDED = '''"""Not 1 + 1."""
def share(part: int | None, whole: int, chunk: int = 4):
    """Not 1 + 1."""
    if part > whole:
        raise ValueError(f"more than {whole + 1}")
    return part / whole
'''


def test_mutants_are_whole_modules_with_one_fault() -> None:
    made = mutants("toy.py", GUARDED)
    assert [(mutant.operator, mutant.change, mutant.line) for mutant in made] == [
        ("statement", "drop if part > whole:", "if part > whole:"),
        ("compare", "part > whole -> part >= whole", "if part > whole:"),
        ("result", "return part / whole -> return None", "return part / whole"),
        ("compute", "part / whole -> part * whole", "return part / whole"),
    ]
    assert {mutant.function for mutant in made} == {"share"}
    for mutant, old, new in [
        (made[0], "    if part > whole:\n        raise ValueError(f'more than {whole + 1}')\n", "    pass\n"),
        (made[1], "part > whole", "part >= whole"),
        (made[3], "part / whole", "part * whole"),
    ]:
        clean = made[0].source().replace("    pass\n", "    if part > whole:\n        raise ValueError"
                                         "(f'more than {whole + 1}')\n")  # fmt: skip
        assert clean.count(old) == 1
        assert mutant.source() == clean.replace(old, new)


def test_a_sample_is_even_over_modules_and_the_same_each_time() -> None:
    made = {name: mutants(name, "\n".join(f"x{i} = a + {i + 2}" for i in range(n))) for name, n in (("a", 9), ("b", 2))}
    counts = [{name: len(own) for name, own in draw(made, sample, 0).items()} for sample in (2, 8, 9, None)]
    assert counts == [{"a": 1, "b": 1}, {"a": 4, "b": 4}, {"a": 5, "b": 4}, {"a": 18, "b": 4}]

    def drawn(sample: int, seed: int) -> list[Mutant]:
        return [mutant for own in draw(made, sample, seed).values() for mutant in own]

    assert set(drawn(6, 3)) < set(drawn(12, 3))
    assert drawn(6, 3) == drawn(6, 3) != drawn(6, 4)


MODULE = """
def clipped(value, low):
    if value < low:
        return low
    return value
"""
TEST = """
from lib.metrics.clipped import clipped

def test_clipped():
    assert (clipped(3, 2), clipped(1, 2)) == (3, 2)
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A repository with one module and its test."""
    copy = tmp_path / "copy"
    for name, text in {
        "lib/__init__.py": "", "lib/metrics/__init__.py": "", "lib/metrics/clipped.py": MODULE,
        "tests/metrics/test_clipped.py": TEST,
        "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\npythonpath = ["."]',
    }.items():  # fmt: skip
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text)
    return copy


def test_what_a_test_notices_is_killed_and_what_not_survives(toy: Path) -> None:
    module = "lib/metrics/clipped.py"
    made = mutants(module, MODULE)
    assert [mutant.operator for mutant in made] == ["statement", "compare", "result", "result"]
    # At the boundary both branches have the same value.
    assert [mutant.change for mutant in try_module(toy, module, made)] == ["value < low -> value <= low"]
    assert (toy / module).read_text() == MODULE
    (toy / "tests/metrics/test_clipped.py").write_text("import lib.metrics.clipped\ndef test_nothing(): pass")
    assert list(try_module(toy, module, made)) == made


def test_a_process_that_never_ends_is_stopped(toy: Path) -> None:
    (toy / "tests/metrics/test_clipped.py").write_text("def test_loop():\n    while True: pass")
    assert not run_tests(toy, ["tests/metrics/test_clipped.py"], limit=1).passed


def test_a_module_whose_tests_fail_or_lack_is_refused(toy: Path) -> None:
    (toy / "tests/metrics/test_clipped.py").write_text("def test_no(): assert False")
    with pytest.raises(CompanionError, match="fail without a mutant"):
        list(try_module(toy, "lib/metrics/clipped.py", []))
    with pytest.raises(CompanionError, match=r"write tests/sae/test_new\.py"):
        checked_by(toy, "lib/sae/new.py")


def test_a_module_whose_tests_are_skipped_here_is_left_out(toy: Path) -> None:
    (toy / "tests/metrics/test_clipped.py").write_text("import pytest\npytest.importorskip('no_such_package')")
    with pytest.raises(NotAvailable, match=r"lib/metrics/clipped\.py: its tests are skipped here"):
        list(try_module(toy, "lib/metrics/clipped.py", []))


def test_every_module_has_tests_its_own_first() -> None:
    for module in modules(ROOT):
        assert checked_by(ROOT, module)
    assert checked_by(ROOT, "lib/sae/sparse.py")[:2] == [
        "tests/sae/test_sparse.py",
        "tests/sae/models/test_batch_topk.py",
    ]


def test_every_explained_survivor_still_exists_and_has_a_reason() -> None:
    reasons = read_survivors(SURVIVORS)
    known = {
        module: {tuple(m.key.values()) for m in mutants(module, (ROOT / module).read_text())} for module, *_ in reasons
    }
    assert [key for key in reasons if key not in known[key[0]]] == []
    assert all(len(reason) > 20 for reason in reasons.values())
