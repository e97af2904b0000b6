"""The effects of claim 7, on random answers, against loops over queries."""

from __future__ import annotations

import numpy as np
import pytest

from lib.papers.p4.attack_evidence import robust
from lib.papers.p4.settings import HALF_TOLD
from lib.papers.p4.swapped_facts import Found
from lib.report.evidence import judge

SEEDS, QUERIES = (0, 1, 2), 40
ARMS = ("unedited", "masker + text", "text only", "masker", "other caption's mask", "oracle mask")


def answers() -> Found:
    random = np.random.default_rng(1)
    return {
        (arm, seed, told): {
            name: 100.0 * (random.random(QUERIES) < 0.2 + 0.1 * place) for name in ("false", "prefers", "clean")
        }
        for place, arm in enumerate(ARMS)
        for seed in SEEDS
        for told in (3, HALF_TOLD)
    }


@pytest.mark.parametrize(
    ("part", "name", "first", "second"),
    [
        ("fall of the false rate", "false", "unedited", "masker + text"),
        ("own caption preferred", "prefers", "masker + text", "unedited"),
        ("fall over tuned text", "false", "text only", "masker + text"),
        ("preferred over tuned text", "prefers", "masker + text", "text only"),
    ],
)
def test_claim_7(part: str, name: str, first: str, second: str) -> None:
    found = answers()
    made = robust(found)
    judge(made, "42_robustness")
    wanted = []
    for seed in SEEDS:
        ours, theirs = found[first, seed, HALF_TOLD][name], found[second, seed, HALF_TOLD][name]
        wanted.append(sum(a - b for a, b in zip(ours, theirs, strict=True)) / QUERIES)
    assert made.parts[part].values == pytest.approx(wanted) and made.n == QUERIES
    assert made.parts[part].below > 0
    rates = {arm: [found[arm, seed, HALF_TOLD]["false"].mean() for seed in SEEDS] for arm in ARMS}
    other = np.subtract(rates["unedited"], rates["other caption's mask"])
    assert made.negative.values == pytest.approx(other)
    assert made.positive.values == pytest.approx(np.subtract(rates["unedited"], rates["oracle mask"]))
