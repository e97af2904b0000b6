from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.report.register import claim_order, read_register, registered, spec_of
from tests.report.examples import SPEC


def write(folder: Path, *entries: Any) -> Path:
    path = folder / "claims.yaml"
    path.write_text(json.dumps(entries))  # JSON is YAML
    return path


def test_a_register_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    found = read_register(write(tmp_path, SPEC | {"id": "p1.C10"}, SPEC, SPEC | {"id": "p1.C9"}))
    assert list(found) == ["p1.C4", "p1.C9", "p1.C10"]
    assert [part.name for part in found["p1.C4"].parts] == ["score", "R2"]


def test_a_registered_claim_is_not_changed_in_memory() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        spec_of("p1.C4").headline.margin = 0.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "p0.C1"}, r"claims.yaml, claim p0.C1, entry: id must be p<paper>.<claim>, as in p1.C3"),
        ({"statement": ""}, r"claim p1.C4, statement: "),
        ({"color": 1}, r"claim p1.C4, color: Extra inputs"),
        ({"headline": {**SPEC["headline"], "rule": "over"}}, r"claim p1.C4, headline.rule: "),
        ({"headline": {**SPEC["headline"], "margin": float("nan")}}, r"claim p1.C4, headline.margin: .*finite"),
        ({"headline": {**SPEC["headline"], "margin": -0.1}}, r"headline: margin -0.1 is on the other side of zero 0"),
        ({"sides": [{**SPEC["sides"][0], "margin": 0.1}]}, r"sides.0: margin 0.1 is on the other side of zero 0"),
        ({"sides": [{**SPEC["sides"][0], "name": "score"}]}, r"two parts have one name; give each its own"),
        (
            {"headline": {**SPEC["headline"], "rule": "within", "margin": 0.0}},
            r"rule within needs a margin above zero 0",
        ),
    ],
)
def test_a_bad_entry_is_one_line_that_names_claim_and_field(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(CompanionError, match=message) as error:
        read_register(write(tmp_path, SPEC | changes))
    assert "\n" not in str(error.value)


def test_an_id_stands_once_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"claim p1.C4 stands twice; keep one"):
        read_register(write(tmp_path, SPEC, SPEC))
    with pytest.raises(CompanionError, match=r"claim p1.C99 is in no register; add it to lib/papers/p\?/claims.yaml"):
        spec_of("p1.C99")
    (tmp_path / "claims.yaml").write_text("p1.C4: 1")
    with pytest.raises(CompanionError, match="give a list of claims"):
        read_register(tmp_path / "claims.yaml")


@pytest.mark.parametrize("id", ["C1", "p1.X1", "p1C1", ""])
def test_an_order_needs_an_id(id: str) -> None:
    with pytest.raises(CompanionError, match=r"is not p<paper>.<claim>"):
        claim_order(id)


def test_the_registers_hold_the_claims_of_their_own_papers() -> None:
    specs = registered()
    folders = {path.parent.name: path for path in (ROOT / "lib" / "papers").glob("*/claims.yaml")}
    assert set(folders) >= {"p1", "p2", "p3", "p4"}
    assert all(id.startswith(f"{name}.") for name, path in folders.items() for id in read_register(path))
    assert len(specs) == sum(len(read_register(path)) for path in folders.values())
    assert all(id == spec.id for id, spec in specs.items())
    assert len({spec.statement for spec in specs.values()}) == len(specs)
