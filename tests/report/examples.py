"""A complete claim for the tests to vary."""

from __future__ import annotations

from typing import Any

from lib.report.claims import Claim

FIELDS: dict[str, Any] = {
    "id": "p1.C4",
    "paper": 1,
    "claim": "C4",
    "statement": "Sparser dictionaries are more monosemantic",
    "expected": "down",
    "metric": "mean MS, K=32 minus K=4",
    "effect": -0.12,
    "spread": {"kind": "per seed", "values": [-0.11, -0.12, -0.13]},
    "seeds": [0, 1, 2],
    "n": 2000,
    "controls": {"raw": 0.031, "untrained SAE": 0.115},
    "verdict": "reproduced",
    "why": "every seed falls by more than 0.05",
    "tolerance": 0.02,
    "notebook": "10_monosemanticity",
}


def example(**changes: Any) -> Claim:
    return Claim(**(FIELDS | changes))
