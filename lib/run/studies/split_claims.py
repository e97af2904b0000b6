"""Paper 3, claims C2 to C6, C8 and C9: from the tables of `split_measures` to verdicts.

Two materials vote: the controlled vectors at one rho, five seeds, and the embeddings of the session's world. A claim is
reproduced if every part holds for every seed of both. All margins stand here and were fixed before any result; where
the paper compares with one baseline, both are asked: the one with a single bias, and the one with a bias for each
modality.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.report.claims import Claim, claim_over_seeds, untestable
from lib.report.verdicts import Verdict, above, below, combine, rising, verdict
from lib.run.studies.monosemanticity_claims import per_seed

METHOD = "31_group_sparsity"

PRICE = 1.2
"""Largest FVU of GSAE over that of SAE-2b that is called a small price."""

TOLERANCES = {
    "p3.C1": 0.09,
    "p3.C2": 120.0,
    "p3.C3": 130.0,
    "p3.C4": 0.13,
    "p3.C5": 0.035,
    "p3.C6": 0.07,
    "p3.C7": 0.4,
    "p3.C8": 0.17,
    "p3.C9": 0.03,
    "p3.C10": 0.12,
}
"""How far an effect may move on another machine, where training takes another path: about twice the range over seeds of
the committed runs, the wider of the two profiles."""


def gain(table: pd.DataFrame, column: str, arm: str, over: str) -> np.ndarray:
    """(seeds,): a column of one arm minus that of another, paired by seed."""
    return per_seed(table, column, arm=arm) - per_seed(table, column, arm=over)


def claim_c2(arms: pd.DataFrame, world: pd.DataFrame, n: int) -> Claim:
    """The group norm makes more latents serve both modalities."""
    effect, over_two, controls = both("both", world, arms, "GSAE", "SAE-2b")
    _, over_one, _ = both("both", world, arms, "GSAE", "SAE-1b")
    balanced = [verdict(above(gain(table, "balanced", "GSAE", "SAE-2b"), 0.0)) for table in (world, arms)]
    return seed_claim(
        "p3.C2",
        world,
        effect,
        above(effect, 0.0),
        statement="the group norm raises the number of latents that both modalities use",
        expected="greater",
        metric="latents active in both modalities, GSAE minus SAE-2b",
        n=n,
        verdict=combine((*over_two, *over_one, *balanced)),
        why=f"this world and controlled vectors: above SAE-2b {_words(over_two)}; above SAE-1b {_words(over_one)}; "
        f"balanced energy above SAE-2b {_words(balanced)}",
        controls=controls,
    )


def claim_c3(arms: pd.DataFrame, world: pd.DataFrame, n: int) -> Claim:
    """The mask makes still more latents serve both, and fewer die."""
    effect, more, controls = both("both", world, arms, "MGSAE", "GSAE")
    fewer = [verdict([*(gain(table, "dead", "MGSAE", "GSAE") <= 0)]) for table in (world, arms)]
    return seed_claim(
        "p3.C3",
        world,
        effect,
        above(effect, 0.0),
        statement="the shared mask raises the number of latents that both modalities use, and no more of them are dead",
        expected="greater",
        metric="latents active in both modalities, MGSAE minus GSAE",
        n=n,
        verdict=combine((*more, *fewer)),
        why=f"this world and controlled vectors: more shared {_words(more)}; not more dead {_words(fewer)}",
        controls=controls
        | {f"dead {arm}": per_seed(world, "dead", arm=arm).mean() for arm in ("SAE-2b", "GSAE", "MGSAE")},
    )


def claim_c4(arms: pd.DataFrame, world: pd.DataFrame, dense: dict[str, float], n: int) -> Claim:
    """Codes of GSAE and MGSAE are better at retrieval and zero-shot classification."""
    effect, _, controls = both("r1", world, arms, "GSAE", "SAE-2b")
    columns = ["r1", "zero_shot"] if "zero_shot" in dense else ["r1"]
    parts = {
        f"{arm} above {over}": _everywhere(arms, world, columns, arm, over)
        for arm in ("GSAE", "MGSAE")
        for over in ("SAE-1b", "SAE-2b")
    }
    return seed_claim(
        "p3.C4",
        world,
        effect,
        above(effect, 0.0),
        statement="retrieval and zero-shot classification on codes are better with GSAE and with MGSAE",
        expected="greater",
        metric="recall at 1 on codes, mean of both directions, GSAE minus SAE-2b",
        n=n,
        verdict=combine(tuple(parts.values())),
        why="on " + " and ".join(columns) + ": " + "; ".join(f"{name} {part}" for name, part in parts.items()),
        controls=controls
        | {f"dense embeddings: {name}": value for name, value in dense.items()}
        | {f"{arm}: {c}": per_seed(world, c, arm=arm).mean() for arm in arms.arm.unique() for c in columns},
    )


def claim_c5(arms: pd.DataFrame, world: pd.DataFrame, n: int) -> Claim:
    """The multimodal monosemanticity score rises."""
    tables = [table for table in (world, arms) if table.mms.notna().all()]
    lead = tables[0]
    effect = gain(lead, "mms", "GSAE", "SAE-2b")
    group = combine([verdict(above(gain(t, c, "GSAE", "SAE-2b"), 0.0)) for t in tables for c in ("mms", "mms_above")])
    masked = combine([verdict(above(gain(t, c, "MGSAE", "GSAE"), 0.0)) for t in tables for c in ("mms", "mms_above")])
    named = "this world and controlled vectors" if len(tables) == 2 else "controlled vectors; this world has no judge"
    return seed_claim(
        "p3.C5",
        lead,
        effect,
        above(effect, 0.0),
        statement="latents score higher across modalities with the group norm, and higher again with the mask",
        expected="greater",
        metric="mean MMS over all latents, dead ones 0, GSAE minus SAE-2b",
        n=n,
        verdict=combine((group, masked)),
        why=f"{named}; mean and number of latents above chance: GSAE above SAE-2b {group}; MGSAE above GSAE {masked}",
        controls={"chance": float(lead.mms_chance.mean())}
        | {f"mean MMS {arm}": per_seed(lead, "mms", arm=arm).mean() for arm in arms.arm.unique()},
    )


def claim_c6(arms: pd.DataFrame, world: pd.DataFrame, n: int) -> Claim:
    """What it costs: reconstruction."""
    ratio = per_seed(world, "fvu", arm="GSAE") / per_seed(world, "fvu", arm="SAE-2b")
    order = [_order(table) for table in (world, arms)]
    small = verdict(below(ratio, PRICE))
    return seed_claim(
        "p3.C6",
        world,
        ratio,
        below(ratio, PRICE),
        statement=f"FVU rises from SAE-2b to GSAE to MGSAE, and that of GSAE is less than {PRICE} times SAE-2b's",
        expected="greater",
        metric="FVU of GSAE over FVU of SAE-2b, unseen pairs",
        n=n,
        verdict=combine((*order, small)),
        why=f"order SAE-2b, GSAE, MGSAE, this world and controlled: {_words(order)}; small price: {small}; with "
        "a few hundred training pairs the terms regularise, and the order may turn round",
        controls={f"FVU {arm}": per_seed(world, "fvu", arm=arm).mean() for arm in arms.arm.unique()},
    )


def claim_c8(arms: pd.DataFrame, world: pd.DataFrame, n: int) -> Claim:
    """Whether the mask helps accuracy: the paper has both signs."""
    column = "zero_shot" if world.zero_shot.notna().all() else "r1"
    effect, parts, controls = both(column, world, arms, "MGSAE", "GSAE")
    return seed_claim(
        "p3.C8",
        world,
        effect,
        above(effect, 0.0),
        statement="the mask improves accuracy on codes over the group norm alone",
        expected="open",
        metric=f"{column} on codes, MGSAE minus GSAE",
        n=n,
        verdict=combine(parts),
        why=f"MGSAE above GSAE on this world: {parts[0]}; on controlled vectors: {parts[1]}; the paper has it above on "
        "CLIP and below on GTZAN, so neither sign contradicts it",
        controls=controls,
    )


def claim_c9(summary: pd.DataFrame | None, n: int) -> Claim:
    """A shared latent found in texts steers what pictures retrieve. summary: None where the world has no facts."""
    fixed = {
        "statement": "raising a concept's latent, found in texts, makes pictures retrieve it; a split one does less",
        "expected": "greater",
        "metric": "gain in mean average precision of the concept, GSAE",
        "n": n,
        "notebook": METHOD,
    }
    if summary is None:
        return untestable("p3.C9", "the world has no facts to say which rows show a concept", **fixed)
    ours, random = (per_seed(summary, column, arm="GSAE") for column in ("gain", "random_gain"))
    parts = [verdict(above(ours, 0.0)), verdict(above(ours - random, 0.0))]
    parts += [verdict(above(gain(summary, "gain", "GSAE", over), 0.0)) for over in ("SAE-1b", "SAE-2b")]
    return seed_claim(
        "p3.C9",
        summary,
        ours,
        above(ours, 0.0),
        verdict=combine(parts),
        why=f"gain above 0: {parts[0]}; above that of a random latent: {parts[1]}; above SAE-1b's: {parts[2]}; above "
        f"SAE-2b's: {parts[3]}",
        controls={"GSAE, random latent": random.mean()}
        | {arm: per_seed(summary, "gain", arm=arm).mean() for arm in summary.arm.unique()},
        **{name: value for name, value in fixed.items() if name != "notebook"},
    )


def both(
    column: str, lead: pd.DataFrame, other: pd.DataFrame, arm: str, over: str
) -> tuple[np.ndarray, list[Verdict], dict[str, float]]:
    """The effect on the leading material, the verdict on each, and the arms' means on both."""
    effects = [gain(table, column, arm, over) for table in (lead, other)]
    means = {
        f"{name}: {column}": per_seed(lead, column, arm=name).mean() for name in ("SAE-1b", "SAE-2b", "GSAE", "MGSAE")
    }
    means["gain on the other material"] = float(effects[1].mean())
    return effects[0], [verdict(above(effect, 0.0)) for effect in effects], means


def _everywhere(arms: pd.DataFrame, world: pd.DataFrame, columns: list[str], arm: str, over: str) -> Verdict:
    gains = [gain(world, column, arm, over) for column in columns]
    return combine(
        [verdict(above(one, 0.0)) for one in [*gains, gain(arms, "r1", arm, over), gain(arms, "zero_shot", arm, over)]]
    )


def _order(table: pd.DataFrame) -> Verdict:
    return verdict(rising(np.stack([per_seed(table, "fvu", arm=a) for a in ("SAE-2b", "GSAE", "MGSAE")], axis=1), 0.0))


def _words(parts: list[Verdict]) -> str:
    return " and ".join(parts)


def seed_claim(id: str, table: pd.DataFrame, effects: np.ndarray, holds: list[bool], **rest: object) -> Claim:
    chosen = sorted(int(seed) for seed in table.seed.unique())
    named = dict(zip(chosen, effects.tolist(), strict=True))
    fields = {"notebook": METHOD} | rest
    return claim_over_seeds(id, named, holds, tolerance=TOLERANCES[id], **fields)  # type: ignore[arg-type]
