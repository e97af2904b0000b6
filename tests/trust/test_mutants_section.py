from __future__ import annotations

import json

from tests.trust.mutants import KEY
from tests.trust.mutants_section import section, share
from tests.trust.mutate import RESULTS, SURVIVORS, read_survivors

SURVIVOR = dict(zip(KEY, ("lib/sae/a.py", "f", "return x", "result", "return x -> return None"), strict=True))
FIGURES = {
    "sample": 9,
    "seed": 0,
    "mutants": 90,
    "tried": 7,
    "killed": 5,
    "modules": {
        "lib/metrics/a.py": {"tried": 2, "killed": 2},
        "lib/sae/a.py": {"tried": 3, "killed": 2},
        "lib/sae/b.py": {"tried": 2, "killed": 1},
    },
    "not_tried": ["lib/sae/c.py"],
    "survived": [{**SURVIVOR, "reason": None}, {**SURVIVOR, "module": "lib/sae/b.py", "reason": "x is None"}],
}


def test_the_section_tells_the_figures_and_every_survivor() -> None:
    lines = section(FIGURES).splitlines()
    assert "5 of 7 mutants are killed (71.4%); 1 survivors are explained and 1 are not." in lines[2]
    for line in (
        "| `lib/metrics` | 2 | 2 | 0 |",
        "| `lib/sae` | 5 | 3 | 1 |",
        "| all | 7 | 5 | 1 |",
        "Repeat it: `python -m tests.trust.mutate --sample 9 --seed 0`",
        "Not tried yet: lib/sae/c.py.",
        "- `lib/sae/a.py`, result: `return x -> return None`",
        "- `lib/sae/b.py`, result: `return x -> return None`: x is None",
    ):
        assert line in lines


def test_the_committed_figures_reach_the_target_and_add_up() -> None:
    figures = json.loads(RESULTS.read_text())
    assert share(figures) >= 0.9
    assert figures["tried"] == sum(module["tried"] for module in figures["modules"].values())
    assert figures["killed"] == sum(module["killed"] for module in figures["modules"].values())
    assert figures["tried"] - figures["killed"] == len(figures["survived"])
    reasons = read_survivors(SURVIVORS)
    assert [
        entry for entry in figures["survived"] if entry["reason"] != reasons.get(tuple(entry[k] for k in KEY))
    ] == []
