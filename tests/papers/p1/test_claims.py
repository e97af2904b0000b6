"""The register of paper 1: its margins are the ones that were fixed, and those that follow from the paper do."""

from __future__ import annotations

from math import log2

import pytest

from lib.base.files import ROOT
from lib.report.register import read_register
from tests.papers.common.score_tables import line
from tests.papers.rules import rules_of

SPECS = read_register(ROOT / "lib" / "papers" / "p1" / "claims.yaml")

FIXED = {
    "p1.C1": {
        "share above raw": "above 0.9",
        "above untrained": "above 0.5",
        "with more active latents": "above 0.9",
        "images per latent": "above 10",
    },
    "p1.C2": {
        "Matryoshka": "above 0.015",
        "BatchTopK": "above 0.036",
        "Matryoshka, any support": "above 0.015",
        "BatchTopK, any support": "above 0.036",
    },
    "p1.C3": {
        "arch": "above 0.005",
        "rise at the start": "above 0.005",
        "fall at the end": "above 0.005",
        "high latents": "above 0",
    },
    "p1.C4": {"score": "above 0", "R2": "above 0"},
    "p1.C5": {"score": "above 0", "R2": "below 0", "score at the paper's sparsity": "above 0"},
    "p1.C6": {"offset": "within 0.01", "spread": "within 0.02"},
    "p1.C7": {
        "rank correlation": "above 0.5",
        "above raw by the network": "above 0",
        "above raw by the truth": "above 0",
    },
    "p1.C8": {"rise": "above 0", "live latents": "above 0.5"},
    "p1.C9": {"agreement": "above 0.7", "rise with the difference": "above 0"},
    "p1.C10": {
        "score": "above 0",
        "score at equal support": "above 0",
        "depth": "above 0",
        "depth beyond no order": "above 0",
    },
    "p1.C11": {"copies": "within 0.001"},
    "p1.C12": {"deviation": "within 0.05"},
    "p1.C13": {
        "named": "above 0.24",
        "object kinds": "above 0.24",
        "towards the target": "above 0.24",
        "reconstruction": "within 0.1",
    },
}
"""Every rule and margin once more: a verdict that moves with a margin must not pass unseen."""


def test_rules_and_margins_are_the_fixed_ones() -> None:
    assert rules_of(SPECS) == FIXED
    chance = {id: part.zero for id, spec in SPECS.items() for part in spec.parts if part.zero}
    assert chance == {"p1.C1": 0.5, "p1.C9": 0.5}


def test_every_claim_names_both_controls() -> None:
    assert all(spec.positive and spec.negative for spec in SPECS.values())


def test_margins_that_are_half_of_the_papers_effect_are() -> None:
    widths = [log2(e) for e in (1, 2, 4, 8)]
    matryoshka, batch_topk = line(widths, [0.82, 0.91, 0.89, 0.93]), line(widths, [0.57, 0.78, 0.78, 0.81])
    assert SPECS["p1.C2"].reported.value == pytest.approx(matryoshka)
    assert [part.margin for part in SPECS["p1.C2"].parts] == pytest.approx(
        [matryoshka / 2, batch_topk / 2] * 2, abs=0.001
    )
    mean = [0.16, 0.20, 0.23, 0.22]
    assert SPECS["p1.C3"].headline.margin == pytest.approx((mean[2] - mean[3]) / 2)
    assert SPECS["p1.C3"].reported.value == pytest.approx((mean[1] + mean[2]) / 2 - (mean[0] + mean[3]) / 2)
    named, kinds, towards, _ = (part.margin for part in SPECS["p1.C13"].parts)
    assert named == kinds == pytest.approx(0.487 / 2, abs=0.005)
    assert towards == pytest.approx((0.259 - 0.212) / (0.283 - 0.185) / 2, abs=0.005)
