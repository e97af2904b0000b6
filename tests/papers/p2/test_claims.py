"""The register of paper 2: its margins are the ones that were fixed, and the paper's numbers follow from its tables."""

from __future__ import annotations

import numpy as np
import pytest

from lib.base.files import ROOT
from lib.report.register import read_register
from tests.papers.rules import rules_of

SPECS = read_register(ROOT / "lib" / "papers" / "p2" / "claims.yaml")

FIXED = {
    "p2.C1": {"intra - inter of SAE-D": "within 0.02"},
    "p2.C2": {"VL-SAE over SAE-S": "above 0.02", "SAE-S over SAE-D": "above 0.02"},
    "p2.C3": {
        "VL-SAE over SAE-S": "above 0.02",
        "intra, VL-SAE minus SAE-S": "above 0.02",
        "intra, SAE-S minus SAE-D": "above 0.02",
        "inter, VL-SAE minus SAE-S": "below -0.02",
        "inter, VL-SAE minus SAE-D": "below -0.02",
    },
    "p2.C4": {
        "R@10, VL-SAE minus SAE-S": "above 0",
        "R@10, SAE-S minus SAE-D": "above 0",
        "cosine, VL-SAE minus SAE-S": "above 0",
        "cosine, SAE-S minus SAE-D": "above 0",
    },
    "p2.C5": {"mean of both towers": "above 0", "pictures": "above 0", "captions": "above 0"},
    "p2.C6": {"fewest at the smallest K": "above 0", "smaller lead at the largest K": "above 0"},
    "p2.C7": {"intra - inter": "above 0.02", "intra": "above 0.02", "inter": "below -0.02"},
    "p2.C8": {"intra - inter": "above 0.02"},
    "p2.C9": {"intra - inter": "above 0.02", "intra": "above 0.02", "inter": "below -0.02"},
    "p2.C10": {"change": "within 0.02"},
    "p2.C11": {"gain": "above 0", "no harm": "above -0.005"},
    "p2.C12": {"intra - inter": "above 0.02", "intra": "above 0.02", "inter": "below -0.02"},
    "p2.C13": {"gain": "above 0.02", "at least half of the lead": "above 0"},
    "p2.C14": {"additive rule": "above 0.01", "convex rule": "above 0.01"},
    "p2.C15": {"beyond the cut": "above 0.01"},
    "p2.C16": {"than sampling": "above 0.01", "than the cut alone": "above 0.01"},
}
"""Every rule and margin once more: a verdict that moves with a margin must not pass unseen."""

FIGURE_3 = {
    "L/14": {
        "SAE-D": ([0.128, 0.142, 0.166, 0.160, 0.148], [0.132, 0.139, 0.162, 0.158, 0.147]),
        "SAE-S": ([0.223, 0.180, 0.181, 0.180, 0.182], [0.136, 0.155, 0.173, 0.168, 0.155]),
        "VL-SAE": ([0.260, 0.242, 0.250, 0.234, 0.219], [0.120, 0.121, 0.128, 0.135, 0.141]),
    },
    "H/14": {
        "SAE-D": ([0.118, 0.133, 0.155, 0.150, 0.145], [0.122, 0.123, 0.151, 0.152, 0.140]),
        "SAE-S": ([0.219, 0.191, 0.170, 0.188, 0.185], [0.134, 0.142, 0.157, 0.168, 0.164]),
        "VL-SAE": ([0.244, 0.244, 0.221, 0.213, 0.213], [0.113, 0.122, 0.126, 0.120, 0.139]),
    },
}
"""Intra and inter of the paper's figure 3 at K 256, 512, 1024, 2048 and 4096, digitised."""


def test_rules_and_margins_are_the_fixed_ones() -> None:
    assert rules_of(SPECS) == FIXED
    zeros = {(id, part.name): part.zero for id, spec in SPECS.items() for part in spec.parts if part.zero}
    assert zeros == {("p2.C11", "no harm"): -0.005}


def test_every_claim_names_both_controls() -> None:
    assert all(spec.positive and spec.negative for spec in SPECS.values())


def test_what_figure_3_reports() -> None:
    gap = {m: {arm: np.subtract(*both) for arm, both in arms.items()} for m, arms in FIGURE_3.items()}
    lead = [arms["VL-SAE"] - arms["SAE-S"] for arms in gap.values()]
    separate = np.concatenate([arms["SAE-D"] for arms in gap.values()])
    assert SPECS["p2.C1"].reported.value == pytest.approx([separate.min(), separate.max()])
    assert SPECS["p2.C2"].reported.value == pytest.approx(sorted(one[0] for one in lead))
    assert SPECS["p2.C3"].reported.value == pytest.approx(sorted(one.min() for one in lead))


def test_what_the_tables_report() -> None:
    def gain(before: tuple[float, float], after: tuple[float, float]) -> float:
        """The change of intra - inter."""
        return (after[0] - after[1]) - (before[0] - before[1])

    decoders = [gain((0.2216, 0.1842), (0.2257, 0.1828)), gain((0.2016, 0.1357), (0.2134, 0.1149))]
    distance = [gain((0.2103, 0.1902), (0.2216, 0.1842)), gain((0.1891, 0.1518), (0.2016, 0.1357))]
    llava = np.subtract([87.07, 85.87, 83.60], [82.93, 81.13, 78.67]).mean() / 100
    qwen = np.subtract([86.47, 85.97, 86.10], [85.20, 83.80, 82.33]).mean() / 100
    expected = {
        "p2.C7": decoders,
        "p2.C8": distance,
        "p2.C9": gain((0.2029, 0.1597), (0.2299, 0.1220)),
        "p2.C11": [0.724 - 0.722, 0.772 - 0.769],
        "p2.C12": gain((0.2142, 0.1809), (0.2442, 0.1373)),
        "p2.C14": [qwen, llava],
        "p2.C16": [0.176 - 0.133, 0.161 - 0.107],
    }
    for id, values in expected.items():
        assert SPECS[id].reported.value == pytest.approx(values, abs=5e-4), id
