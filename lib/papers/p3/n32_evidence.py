"""Paper 3: the evidence of sounds for all of the paper's claims."""

from __future__ import annotations

import pandas as pd

from lib.papers.p3 import sharing_evidence, split_evidence, use_evidence
from lib.papers.p3.measured_runs import MeasuredRuns
from lib.report.evidence import Evidence


def sound_evidence(
    runs: MeasuredRuns, sweep: pd.DataFrame, strangers: pd.DataFrame, steering: pd.DataFrame, k: int
) -> list[Evidence]:
    """Evidence for C1 to C11, as notebooks 30, 31 and 33 have it.

    sweep, strangers: along the weight of the group norm, of `n32_weight`. steering: of `concept_steering`. k: active
    latents per row.
    """
    causes = [split_evidence.c1(runs), split_evidence.c7(sweep, strangers, k, runs.n), split_evidence.c10(runs)]
    shared = [one(runs) for one in (sharing_evidence.c2, sharing_evidence.c3, sharing_evidence.c5, sharing_evidence.c6)]
    used = [one(runs) for one in (use_evidence.c4, use_evidence.c8, use_evidence.c11)]
    return [*causes, *shared, *used, sharing_evidence.c9(steering, runs.n)]
