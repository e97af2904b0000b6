"""Paper 3, evidence on group sparsity and masks: claims C2, C3, C5, C6 and C9, of a world or of controlled vectors.

The paper has one plain SAE; here there are two, with one bias and with one for each modality, and both are compared.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.papers.p3.control_arms import OWN_MASKS, STRANGERS
from lib.papers.p3.measured_runs import KNOWN_CONCEPTS, MeasuredRuns
from lib.papers.p3.pair_dictionaries import PAIRED_ARMS
from lib.report.effects import Effect, nested, over_seeds
from lib.report.evidence import Evidence, not_measured
from lib.report.seeds import seeds_of

NO_JUDGE = "this world has no judge that both modalities share"
NO_FACTS = "this world has no facts to say which rows show a concept"


def c2(runs: MeasuredRuns) -> Evidence:
    """Judge whether the group norm makes more latents serve both modalities."""
    return Evidence(
        "p3.C2",
        {
            "shared latents over SAE-2b": over_seeds(runs.shared("GSAE") - runs.shared("SAE-2b")),
            "shared latents over SAE-1b": over_seeds(runs.shared("GSAE") - runs.shared("SAE-1b")),
            "balanced share over SAE-2b": runs.gain("balanced", "GSAE", "SAE-2b"),
            "balanced share over SAE-1b": runs.gain("balanced", "GSAE", "SAE-1b"),
        },
        runs.seeds,
        runs.n,
        positive=over_seeds(1 - runs.shared("SAE-2b")),
        negative=over_seeds(runs.control_shared(STRANGERS) - runs.shared("SAE-2b")),
        context=runs.levels("both", "latents that both use")
        | runs.levels("balanced", "balanced share")
        | {f"balanced share, {STRANGERS}": over_seeds(runs.control("balanced", STRANGERS))},
    )


def c3(runs: MeasuredRuns) -> Evidence:
    """Judge whether the mask makes still more latents serve both, without more dead ones."""
    return Evidence(
        "p3.C3",
        {
            "shared latents over GSAE": over_seeds(runs.shared("MGSAE") - runs.shared("GSAE")),
            "dead latents over GSAE": runs.gain("dead", "MGSAE", "GSAE"),
        },
        runs.seeds,
        runs.n,
        positive=over_seeds(1 - runs.shared("GSAE")),
        negative=over_seeds(runs.control_shared(OWN_MASKS) - runs.shared("GSAE")),
        context=runs.levels("both", "latents that both use") | runs.levels("dead", "dead latents"),
    )


def c5(runs: MeasuredRuns) -> Evidence:
    """Judge whether the multimodal Monosemanticity Score rises, and the number of latents that have one."""
    if not runs.has("mms"):
        return not_measured("p3.C5", NO_JUDGE)
    chance = runs.values("mms_chance", "SAE-2b")
    parts: dict[str, Effect | str] = {
        f"{label}, {arm} over {over}": runs.gain(column, arm, over)
        for label, column in (("mean MMS", "mms"), ("latents above chance", "mms_above"))
        for arm, over in (("GSAE", "SAE-2b"), ("GSAE", "SAE-1b"), ("MGSAE", "GSAE"))
    }
    return Evidence(
        "p3.C5",
        parts,
        runs.seeds,
        runs.n,
        positive=runs.control_gain("mms", KNOWN_CONCEPTS, "SAE-2b"),
        negative=over_seeds(chance - runs.values("mms", "SAE-2b")),
        context={"chance": over_seeds(chance)} | runs.levels("mms", "mean MMS"),
    )


def c6(runs: MeasuredRuns) -> Evidence:
    """Judge the cost: reconstruction."""
    plain = runs.values("fvu", "SAE-2b")
    price = runs.ratio("fvu", "GSAE", "SAE-2b")
    return Evidence(
        "p3.C6",
        {
            "price of the group norm": price,
            "the group norm costs": price,
            "the mask costs more": runs.ratio("fvu", "MGSAE", "GSAE"),
        },
        runs.seeds,
        runs.n,
        positive=over_seeds(np.roll(plain, -1) / plain),
        negative=over_seeds(1 / plain),
        context=runs.levels("fvu", "FVU"),
    )


def c9(steering: pd.DataFrame | None, n: int) -> Evidence:
    """Judge whether a shared latent found in one modality steers what the other one retrieves.

    steering: of `concept_steering.steering_table`, None where the world has no facts. n: test pairs.
    """
    if steering is None:
        return not_measured("p3.C9", NO_FACTS)
    gain = {arm: _per_concept(steering, arm, "after") - _per_concept(steering, arm, "before") for arm in PAIRED_ARMS}
    random = _per_concept(steering, "GSAE", "random")
    return Evidence(
        "p3.C9",
        {
            "gain over a random latent": nested(_per_concept(steering, "GSAE", "after") - random),
            "gain": nested(gain["GSAE"]),
            "gain, GSAE over SAE-2b": nested(gain["GSAE"] - gain["SAE-2b"]),
            "gain, GSAE over SAE-1b": nested(gain["GSAE"] - gain["SAE-1b"]),
        },
        seeds_of(steering),
        n,
        positive=nested(_per_concept(steering, "GSAE", "direction") - random),
        negative=nested(_per_concept(steering, "GSAE", "other") - random),
        context={f"gain, {arm}": nested(gain[arm]) for arm in PAIRED_ARMS}
        | {"gain by a random latent, GSAE": nested(random - _per_concept(steering, "GSAE", "before"))},
    )


def _per_concept(steering: pd.DataFrame, arm: str, column: str) -> np.ndarray:
    """(seeds, concepts)."""
    return steering[steering.arm == arm].pivot(index="seed", columns="concept", values=column).to_numpy()
