"""Both gates must go red when a number or a verdict is changed; without this a gate can pass in silence for years."""

from __future__ import annotations

import copy
import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbval.plugin import get_sanitize_patterns

from lib.base.files import ROOT, write_json
from lib.base.places import find_notebook
from lib.report.claims import Claim, write_claim
from lib.report.effects import exactly
from lib.report.verdicts import VERDICTS
from tests.gates.lint import is_compared
from tests.gates.notebooks import SANITISE, code, failing_cells, notebook, write
from tests.gates.tolerance import compare, expected_profiles, write_expected
from tests.report.examples import evidence, example

PROFILES = expected_profiles()

SETUP = """from lib.report.console import about, say, say_seeds, verdict_line
from tests.report.examples import example
print("profile tiny, device: cpu, 2 claims")"""

# Source of a cell, what it prints, what a mutant says instead, whether the gate must notice.
CELLS = [
    (SETUP, "2 claims", "3 claims", True),
    (SETUP, "device: cpu,", "device: NVIDIA H100 80GB HBM3,", False),
    ("verdict_line(example())", "· sparser", "· denser", True),
    ("verdict_line(example())", "· reproduced ·", "· partly ·", False),  # the tolerance gate's
    ('print("claim  tiny         statement")', "tiny         ", "tiny            ", False),
    ('print("tiny: 1 reproduced, 2 partly, 3 undecided")', "1 reproduced", "2 reproduced", False),
    ('print("1 not testable here")', "1 not", "2 not", True),
    ('print("p1.C1  partly (1 of 2)  it rises")', "(1 of 2)", "(2 of 3)", False),
    ('print("p1.C1  undecided  it rises")', "undecided", "no effect seen", False),
    ('print("p1.C1  undecided  it rises")', "it rises", "it falls", True),
    ('print("7 parts, 3 verdicts are near a margin")', "3 verdicts", "4 verdicts", False),
    ('print("7 parts, 3 verdicts are near a margin")', "7 parts", "8 parts", True),
    ('say("every seed falls by more than 0.05", True)', "[yes]", "[no]", True),
    ('say("every seed falls by more than 0.05", True)', "0.05", "0.06", True),
    ('say_seeds("the order holds", [True] * 4 + [False])', "4 of 5", "0 of 5", True),
    ('say_seeds("the order holds", [True] * 4 + [False])', "4 of 5", "2 of 5", False),  # another draw of seeds
    ('say_seeds("the order holds", [True] * 4 + [False])', "of 5", "of 6", True),
    ('say_seeds("the order holds", [True] * 4 + [False])', "[4 of 5 seeds] the order holds\n", "", True),
    ('print("chance is about", about(0.0312, 0.01))', "about 0.03", "about 0.04", True),
    ("print(0.12345)", "0.12345", "0.54321", False),
]


@pytest.fixture(scope="module")
def executed():
    """A small notebook that prints as the real ones do, run here."""
    made = notebook(*[code(source) for source, *_ in CELLS])
    made.cells[-1].metadata["tags"] = ["nbval-ignore-output"]
    made.cells = [made.cells[1], *made.cells[3:]]  # lib.start needs a profile
    NotebookClient(made, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    return made


@pytest.mark.slow
def test_the_notebook_gate_goes_red_where_a_text_changed_and_only_there(executed, tmp_path):
    mutant = copy.deepcopy(executed)
    for cell, (_, old, new, _) in zip(mutant.cells[1:], CELLS, strict=True):
        assert cell.outputs[0].text.count(old) == 1
        cell.outputs[0].text = cell.outputs[0].text.replace(old, new)
    write(executed, tmp_path / "unchanged.ipynb")
    write(mutant, tmp_path / "changed.ipynb")
    noticed = {("changed", cell) for cell, (*_, must_notice) in enumerate(CELLS, start=1) if must_notice}
    assert failing_cells(tmp_path) == noticed


@pytest.mark.slow
def test_the_notebook_gate_goes_red_on_the_committed_scoreboard(tmp_path, monkeypatch):
    results = shutil.copytree(ROOT / "results", tmp_path / "results", ignore=shutil.ignore_patterns("notebooks"))
    monkeypatch.setenv("COMPANION_RESULTS", str(results))  # the notebook writes its figures
    committed = nbformat.read(find_notebook("90"), as_version=4)
    write(committed, tmp_path / "unchanged.ipynb")
    write(mutate_last_digit(committed), tmp_path / "changed.ipynb")
    assert {name for name, _ in failing_cells(tmp_path)} == {"changed"}


def mutate_last_digit(made):
    """A copy in which the last digit printed by a compared cell is another one, where no sanitiser hides it."""
    mutant = copy.deepcopy(made)
    for cell in reversed([cell for cell in mutant.cells if cell.cell_type == "code" and is_compared(cell)]):
        for output in reversed([output for output in cell.outputs if output.output_type == "stream"]):
            for digit in reversed(list(re.finditer(r"\d", output.text))):
                other = str((int(digit[0]) + 1) % 10)
                text = output.text[: digit.start()] + other + output.text[digit.end() :]
                if sanitised(text) != sanitised(output.text):
                    output.text = text
                    return mutant
    raise AssertionError("no compared cell prints a number")


def sanitised(text):
    for pattern, replacement in get_sanitize_patterns(SANITISE.read_text()):
        text = re.sub(pattern, replacement, text)
    return text


def test_every_committed_notebook_prints_a_number_that_the_gate_compares():
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert paths, "no committed notebooks; the gate has nothing to check"
    for path in paths:
        mutate_last_digit(nbformat.read(path, as_version=4))


def numeric_leaves(value, path=()):
    """Paths to every number in nested dicts and lists."""
    if isinstance(value, dict):
        return [leaf for key in value for leaf in numeric_leaves(value[key], (*path, key))]
    if isinstance(value, list):
        return [leaf for place, part in enumerate(value) for leaf in numeric_leaves(part, (*path, place))]
    return [path] if isinstance(value, int | float) and not isinstance(value, bool) else []


def with_leaf(fields, path, change):
    changed_fields = copy.deepcopy(fields)
    inner = changed_fields
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = change(inner[path[-1]])
    return changed_fields


def beyond(far: float, value: float) -> float:
    """Another value, farther away than `far`, and than any room that is a fraction of the number."""
    return value + 3 + int(abs(value)) if isinstance(value, int) else value + far + 3 + 10 * abs(value)


def assert_every_mutation_is_noticed(results: Path, expected: dict[str, Any]) -> int:
    """Change each number, then the verdict, of each claim in turn; the gate must report each. Returns how many.

    Every claim is alone in its folder then, so that the gate does not read all others again for every number.
    """
    assert compare(results, expected) == []
    tried = 0
    for path in sorted((results / "claims").glob("*.json")):
        fields = json.loads(path.read_text())
        folder, wanted = results / "alone" / path.stem, {path.stem: expected[path.stem]}
        write_json(folder / "claims" / path.name, fields)
        assert compare(folder, wanted) == []
        far = beyond_every_room(fields)
        mutants = {leaf: with_leaf(fields, leaf, partial(beyond, far)) for leaf in numeric_leaves(fields)}
        mutants["verdict"] = fields | {"verdict": next(one for one in VERDICTS if one != fields["verdict"])}
        for leaf, mutant in mutants.items():
            write_json(folder / "claims" / path.name, mutant)
            assert compare(folder, wanted), f"{path.name}: a change of {leaf} went unnoticed"
        tried += len(mutants)
    return tried


def beyond_every_room(fields: dict[str, Any]) -> float:
    """More than any number of the claim may move."""
    return 10 * max((one.redraw for one in Claim(**fields).numbers), default=0.0)


def test_the_tolerance_gate_goes_red_on_every_number(tmp_path: Path) -> None:
    claims = [
        example(),
        example(evidence("no judge"), id="p1.C8"),
        example(evidence(context={"a": exactly(0.0)}), id="p4.6"),
    ]
    for claim in claims:
        write_claim(claim, tmp_path)
    expected = {claim.id: claim.model_dump() for claim in claims}
    assert assert_every_mutation_is_noticed(tmp_path, expected) > 100


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_tolerance_gate_goes_red_on_every_number_of_a_profile(profile: str, tmp_path: Path) -> None:
    write_expected(tmp_path)
    assert_every_mutation_is_noticed(tmp_path / profile, PROFILES[profile])
