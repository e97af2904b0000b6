"""Paper 3, evidence on retrieval and classification by codes: claims C4, C8 and C11.

Every baseline of the paper appears twice, with one bias and with one for each modality, and both are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lib.papers.p3.control_arms import OWN_MASKS, STRANGERS
from lib.papers.p3.measured_runs import EMBEDDINGS, MeasuredRuns
from lib.papers.p3.pair_dictionaries import BATCH_ARMS
from lib.report.effects import Effect, over_seeds
from lib.report.evidence import Evidence

NO_CLASSES = "this world has no classes to name"

USES = {"R@1": "r1", "R@5": "r5", "zero-shot": "zero_shot"}
"""The uses of codes, with their columns of `measures.measure_dictionary`."""


def c4(runs: MeasuredRuns) -> Evidence:
    """Judge whether codes of GSAE and MGSAE retrieve and classify zero-shot better than those of a plain SAE."""
    return Evidence(
        "p3.C4",
        _gains(runs, USES, ("SAE-2b", "SAE-1b")),
        runs.seeds,
        runs.n,
        positive=runs.ceiling_gain("r1", "SAE-2b"),
        negative=runs.control_gain("r1", STRANGERS, "SAE-2b"),
        context=runs.levels("r1", "R@1") | _dense(runs),
    )


def c8(runs: MeasuredRuns) -> Evidence:
    """Judge whether the mask helps accuracy."""
    named = runs.has("zero_shot")
    return Evidence(
        "p3.C8",
        {
            "zero-shot, MGSAE over GSAE": runs.gain("zero_shot", "MGSAE", "GSAE") if named else NO_CLASSES,
            "R@1, MGSAE over GSAE": runs.gain("r1", "MGSAE", "GSAE"),
        },
        runs.seeds,
        runs.n,
        positive=runs.ceiling_gain("zero_shot", "GSAE") if named else None,
        negative=runs.control_gain("zero_shot", OWN_MASKS, "GSAE") if named else None,
        context=runs.levels("zero_shot", "zero-shot") if named else runs.levels("r1", "R@1"),
    )


def c11(runs: MeasuredRuns) -> Evidence:
    """Judge whether codes of GSAE and MGSAE do both better than those of BatchTopK and Matryoshka at equal sparsity."""
    named = runs.has("zero_shot")
    label, column = ("zero-shot", "zero_shot") if named else ("R@1", "r1")
    return Evidence(
        "p3.C11",
        _gains(runs, ("zero-shot", "R@1"), list(BATCH_ARMS)),
        runs.seeds,
        runs.n,
        positive=runs.ceiling_gain("zero_shot", "BatchTopK-2b") if named else None,
        negative=runs.control_gain("zero_shot", STRANGERS, "BatchTopK-2b") if named else None,
        context=runs.levels(column, label)
        | {f"{label}, {arm}": runs.level(column, arm) for arm in BATCH_ARMS}
        | {f"active latents, {arm}": runs.level("l0", arm) for arm in ("GSAE", "MGSAE", *BATCH_ARMS)}
        | _dense(runs),
    )


def _gains(runs: MeasuredRuns, labels: Iterable[str], bases: Sequence[str]) -> dict[str, Effect | str]:
    """Compute the gain of each of the paper's two methods over each baseline, for each use of the codes."""
    known = {label: runs.has(USES[label]) for label in labels}
    return {
        f"{label}, {arm} over {over}": runs.gain(USES[label], arm, over) if known[label] else NO_CLASSES
        for label in known
        for arm in ("GSAE", "MGSAE")
        for over in bases
    }


def _dense(runs: MeasuredRuns) -> dict[str, Effect]:
    """Return what the embeddings themselves reach, where it is known."""
    found = {label: runs.control(column, EMBEDDINGS) for label, column in USES.items() if runs.has(column)}
    return {f"{label}, {EMBEDDINGS}": over_seeds(values) for label, values in found.items()}
