"""Paper 4, claim 7: from the answers under attack to evidence, over seeds and queries."""

from __future__ import annotations

import numpy as np

from lib.papers.p4.oracle_masks import ORACLE
from lib.papers.p4.settings import HALF_TOLD
from lib.papers.p4.swapped_facts import TEVI, TEXT_ONLY, UNEDITED, Found
from lib.report.effects import Effect, nested
from lib.report.evidence import Evidence


def robust(found: Found, told: int = HALF_TOLD) -> Evidence:
    """Judge claim 7 at one number of facts in captions. found: of `measure_attacks`."""
    seeds = sorted({seed for _, seed, _ in found})

    def of(arm: str, name: str) -> np.ndarray:
        return np.stack([found[arm, seed, told][name] for seed in seeds])

    def more(name: str, arm: str, than: str) -> Effect:
        return nested(of(arm, name) - of(than, name))

    arms = list(dict.fromkeys(arm for arm, _, _ in found))
    return Evidence(
        "p4.7",
        {
            "fall of the false rate": more("false", UNEDITED, TEVI),
            "own caption preferred": more("prefers", TEVI, UNEDITED),
            "fall over tuned text": more("false", TEXT_ONLY, TEVI),
            "preferred over tuned text": more("prefers", TEVI, TEXT_ONLY),
        },
        seeds,
        of(TEVI, "false").shape[1],
        positive=more("false", UNEDITED, ORACLE),
        negative=more("false", UNEDITED, "other caption's mask"),
        context={f"false rate, {arm}": nested(of(arm, "false")) for arm in arms}
        | {f"prefers its own, {arm}": nested(of(arm, "prefers")) for arm in (UNEDITED, TEVI, TEXT_ONLY)},
    )
