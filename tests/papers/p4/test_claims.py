"""The register of paper 4: its margins are ours, and they are the ones that were fixed before anything was measured."""

from __future__ import annotations

from lib.base.files import ROOT
from lib.report.register import read_register
from tests.papers.rules import rules_of

SPECS = read_register(ROOT / "lib" / "papers" / "p4" / "claims.yaml")

FIXED = {
    "p4.1": {"AUROC": "above 0.85"},
    "p4.2": {"fall of untold facts": "above 0.5", "cost to told facts": "below 0.03"},
    "p4.3": {"excess of the wrong value": "below 0.02"},
    "p4.4": {
        "RMG": "below 0",
        "matched cosine": "above 0",
        "L2M": "below 0",
        "RMG against reconstruction": "below 0",
        "matched cosine against reconstruction": "above 0",
        "L2M against reconstruction": "below 0",
    },
    "p4.5": {
        "gain over unedited": "above 0",
        "gain of pictures to texts": "above 0",
        "gain of texts to pictures": "above 0",
        "gain over tuned text": "above 0",
    },
    "p4.6": {"arch of the gain": "above 1"},
    "p4.7": {
        "fall of the false rate": "above 2",
        "own caption preferred": "above 2",
        "fall over tuned text": "above 2",
        "preferred over tuned text": "above 2",
    },
    "p4.8": {
        "advantage over a dimension mask": "above 1",
        "advantage over leaky training": "above 1",
        "advantage over tuned text": "above 1",
    },
}
"""Every rule and margin once more: a verdict that moves with a margin must not pass unseen."""


def test_rules_and_margins_are_the_fixed_ones() -> None:
    assert rules_of(SPECS) == FIXED


def test_headlines_and_controls() -> None:
    assert {id: spec.headline.name for id, spec in SPECS.items()} == {id: next(iter(FIXED[id])) for id in FIXED}
    assert all(spec.positive and spec.negative for spec in SPECS.values())
