"""Every part and control of C4, C8 and C11 against a look-up row by row."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from lib.papers.p3.measured_runs import MeasuredRuns
from lib.papers.p3.use_evidence import NO_CLASSES, USES, c4, c8, c11
from lib.report.effects import over_seeds
from lib.report.evidence import Evidence, judge
from tests.papers.p3.made_runs import SEEDS, controls, look_up, minus, pairs, runs, table

CLAIMS: dict[str, Callable[[MeasuredRuns], Evidence]] = {"p3.C4": c4, "p3.C8": c8, "p3.C11": c11}

PLAIN = ("SAE-2b", "SAE-1b")
BATCH = ("BatchTopK-1b", "BatchTopK-2b", "Matryoshka-1b", "Matryoshka-2b")

COMPARED = {
    "p3.C4": list(product(("R@1", "R@5", "zero-shot"), ("GSAE", "MGSAE"), PLAIN)),
    "p3.C8": [("zero-shot", "MGSAE", "GSAE"), ("R@1", "MGSAE", "GSAE")],
    "p3.C11": list(product(("zero-shot", "R@1"), ("GSAE", "MGSAE"), BATCH)),
}
"""Use, arm, and the arm that it is compared with."""

CONTROLS = {
    "p3.C4": ("r1", "SAE-2b", "GSAE, strangers"),
    "p3.C8": ("zero_shot", "GSAE", "MGSAE, own masks"),
    "p3.C11": ("zero_shot", "BatchTopK-2b", "GSAE, strangers"),
}
"""Column of the headline, the arm that it is compared with, and the negative control."""


@pytest.mark.parametrize(("id", "compared"), [(id, one) for id, parts in COMPARED.items() for one in parts])
def test_a_part_compares_the_arms_that_it_names(id: str, compared: tuple[str, str, str]) -> None:
    use, arm, base = compared
    evidence, rows = CLAIMS[id](runs()), table()
    first, second = (look_up(rows, USES[use], arm=one) for one in (arm, base))
    assert evidence.parts[f"{use}, {arm} over {base}"] == over_seeds(minus(first, second))
    assert (evidence.id, evidence.seeds, evidence.n) == (id, SEEDS, 90)


@pytest.mark.parametrize("id", CLAIMS)
def test_all_parts_of_the_register_are_measured(id: str) -> None:
    evidence = CLAIMS[id](runs())
    assert set(evidence.parts) == {f"{use}, {arm} over {base}" for use, arm, base in COMPARED[id]}
    assert not judge(evidence, "33_x").unmeasured


@pytest.mark.parametrize("id", CLAIMS)
def test_controls(id: str) -> None:
    column, base, negative = CONTROLS[id]
    evidence, arm = CLAIMS[id](runs()), look_up(table(), column, arm=base)
    dense, known, blind = (
        look_up(controls(), column, arm=one) for one in ("dense embeddings", "known concepts", negative)
    )
    best = [max(pair) for pair in zip(dense, known, strict=True)]
    assert evidence.positive == over_seeds(minus(best, arm))
    assert evidence.negative == over_seeds(minus(blind, arm))


@pytest.mark.parametrize("id", CLAIMS)
@pytest.mark.parametrize(
    ("dense", "blind", "verdict"),
    [(0.9, 0.3, "as it is"), (0.2, 0.3, "not testable here"), (0.9, 0.6, "not testable here")],
)
def test_a_ceiling_below_the_baseline_or_a_gain_without_pairs_decides(
    id: str, dense: float, blind: float, verdict: str
) -> None:
    """The method has 0.7, its baseline 0.5."""
    column, base, negative = CONTROLS[id]
    rows, known = table(), controls()
    rows[column] = rows.arm.map({base: 0.5}).fillna(0.7)
    if id == "p3.C8":
        rows["r1"] = rows[column]
    known[column] = known.arm.map({"dense embeddings": dense, negative: blind}).fillna(0.0)
    found = judge(CLAIMS[id](MeasuredRuns(rows, 90, known)), "33_x").verdict
    assert (found in ("reproduced", "partly")) if verdict == "as it is" else found == verdict


def test_further_numbers() -> None:
    known, rows = controls(), table()
    evidence = c11(runs())
    for arm in ("GSAE", "MGSAE", *BATCH):
        assert evidence.context[f"zero-shot, {arm}"] == over_seeds(look_up(rows, "zero_shot", arm=arm))
        assert evidence.context[f"active latents, {arm}"] == over_seeds(look_up(rows, "l0", arm=arm))
    for use, column in USES.items():
        dense = over_seeds(look_up(known, column, arm="dense embeddings"))
        assert c4(runs()).context[f"{use}, dense embeddings"] == dense == evidence.context[f"{use}, dense embeddings"]
    assert c4(runs()).context["R@1, SAE-1b"] == over_seeds(look_up(rows, "r1", arm="SAE-1b"))
    assert c8(runs()).context["zero-shot, MGSAE"] == over_seeds(look_up(rows, "zero_shot", arm="MGSAE"))


@pytest.mark.parametrize("id", CLAIMS)
def test_pairs_widen_the_interval_of_what_is_measured_on_them(id: str) -> None:
    given = MeasuredRuns(table(), 90, controls(), pairs())
    evidence = CLAIMS[id](given)
    for use, arm, base in COMPARED[id]:
        part = evidence.parts[f"{use}, {arm} over {base}"]
        assert part == given.gain(USES[use], arm, base) and part.below > 0


def test_a_world_without_classes() -> None:
    given = runs(zero_shot=np.nan)
    for id, claim in CLAIMS.items():
        for name, part in claim(given).parts.items():
            assert (part == NO_CLASSES) is name.startswith("zero-shot"), (id, name)
    assert not [name for name in c4(given).context if name.startswith("zero-shot")]
    for claim in (c8, c11):
        judged = judge(claim(given), "33_x")
        assert (judged.verdict, judged.why) == ("not testable here", NO_CLASSES)
        assert judged.positive is None and judged.negative is None
        assert claim(given).context["R@1, GSAE"] == over_seeds(look_up(table(), "r1", arm="GSAE"))
