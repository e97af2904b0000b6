"""Paper 3 on audio: claims C1 to C10 on sounds and captions alone, from the tables of `split_measures`.

The margins are those of `split_claims` and `split_cause_claims`, fixed for pictures before any sound was embedded;
here no controlled vectors vote. Where the paper compares with one baseline, both are asked: the one with a single bias,
and the one with a bias for each modality.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lib.report.claims import Claim, claim_over_seeds
from lib.report.verdicts import Verdict, above, below, combine, rising, verdict
from lib.run.studies.monosemanticity_claims import per_seed
from lib.run.studies.split_cause_claims import SPLIT, weight_effect
from lib.run.studies.split_claims import PRICE, gain

NOTEBOOK = "32_audio"

TOLERANCES = {
    "p3.C1": 0.2,
    "p3.C2": 25.0,
    "p3.C3": 25.0,
    "p3.C4": 0.04,
    "p3.C5": 0.02,
    "p3.C6": 0.12,
    "p3.C7": 0.2,
    "p3.C8": 0.05,
    "p3.C9": 0.03,
    "p3.C10": 0.16,
}
"""How far an effect may move on another machine, where training takes another path; about twice the range over
seeds."""

BASELINES = ("SAE-1b", "SAE-2b")
ARMS = (*BASELINES, "GSAE", "MGSAE")


def claims(table: pd.DataFrame, steering: pd.DataFrame, dense: dict[str, float], n: int) -> list[Claim]:
    """All but C7. table: of `measure_all`; steering: of `steering_summary`; dense: of `dense_reference`; n: test
    pairs."""
    return [
        *_causes(table, n),
        *_shared_latents(table, n),
        *_uses(table, dense, n),
        _price(table, n),
        _steering(steering, n),
    ]


def weight_claim(sweep: pd.DataFrame, k: int, n: int) -> Claim:
    """C7. sweep: of `split_causes.world_weight_table`; k: active latents; n: test pairs."""
    effect, fields = weight_effect(sweep, k)
    return _claim("p3.C7", sweep, effect, above(effect, 0.0), n=n, **fields)


def _causes(table: pd.DataFrame, n: int) -> list[Claim]:
    cosine = per_seed(table, "cosine", arm="SAE-1b")
    strangers = {f"{arm}: codes of strangers": per_seed(table, "strangers", arm=arm).mean() for arm in ARMS}
    split = _claim(
        "p3.C1",
        table,
        cosine,
        below(cosine, SPLIT),
        statement="a plain dictionary of one bias gives the members of a pair codes that hardly meet",
        expected="less",
        metric="mean cosine of the codes of a sound and its caption, SAE-1b",
        n=n,
        why=f"below {SPLIT}: {verdict(below(cosine, SPLIT))}",
        controls=_means(table, "cosine") | strangers,
    )
    biases = _compared(
        "p3.C10",
        table,
        ("cosine", "r1"),
        "SAE-2b",
        ("SAE-1b",),
        statement="a bias for each modality alone makes paired codes meet: the baseline's bias is part of the effect",
        metric="mean cosine of paired codes, SAE-2b minus SAE-1b",
        n=n,
    )
    return [split, biases]


def _shared_latents(table: pd.DataFrame, n: int) -> list[Claim]:
    fewer = verdict([*(gain(table, "dead", "MGSAE", "GSAE") <= 0)])
    group = _compared(
        "p3.C2",
        table,
        ("both", "balanced"),
        "GSAE",
        BASELINES,
        statement="the group norm raises the number of latents that both modalities use",
        metric="latents active in both modalities, GSAE minus SAE-2b",
        n=n,
    )
    mask = _compared(
        "p3.C3",
        table,
        ("both",),
        "MGSAE",
        ("GSAE",),
        more=[fewer],
        statement="the shared mask raises the number of latents that both modalities use, and no more are dead",
        metric="latents active in both modalities, MGSAE minus GSAE",
        n=n,
    )
    return [group, mask]


def _uses(table: pd.DataFrame, dense: dict[str, float], n: int) -> list[Claim]:
    search = _compared(
        "p3.C4",
        table,
        ("r1", "zero_shot"),
        "GSAE",
        BASELINES,
        more=[_judged(table, column, "MGSAE", over) for column in ("r1", "zero_shot") for over in BASELINES],
        controls={f"dense embeddings: {name}": value for name, value in dense.items()},
        statement="retrieval and naming of instruments on codes are better with GSAE and with MGSAE",
        metric="recall at 1 on codes, mean of both directions, GSAE minus SAE-2b",
        n=n,
    )
    score = _compared(
        "p3.C5",
        table,
        ("mms", "mms_above"),
        "GSAE",
        BASELINES,
        more=[_judged(table, column, "MGSAE", "GSAE") for column in ("mms", "mms_above")],
        statement="latents score higher across modalities with the group norm, and higher again with the mask",
        metric="mean MMS over all latents, dead ones 0, GSAE minus SAE-2b",
        n=n,
    )
    mask = _compared(
        "p3.C8",
        table,
        ("zero_shot",),
        "MGSAE",
        ("GSAE",),
        expected="open",
        statement="the mask improves accuracy on codes over the group norm alone",
        metric="accuracy of the instrument on codes, MGSAE minus GSAE",
        n=n,
    )
    return [search, score, mask]


def _price(table: pd.DataFrame, n: int) -> Claim:
    ratio = per_seed(table, "fvu", arm="GSAE") / per_seed(table, "fvu", arm="SAE-2b")
    order = verdict(rising(np.stack([per_seed(table, "fvu", arm=arm) for arm in ARMS[1:]], axis=1), 0.0))
    return _claim(
        "p3.C6",
        table,
        ratio,
        below(ratio, PRICE),
        statement=f"FVU rises from SAE-2b to GSAE to MGSAE, and that of GSAE is less than {PRICE} times SAE-2b's",
        expected="greater",
        metric="FVU of GSAE over FVU of SAE-2b, unseen pairs",
        n=n,
        verdict=combine([order, verdict(below(ratio, PRICE))]),
        why=f"the order: {order}; the small price: {verdict(below(ratio, PRICE))}",
        controls=_means(table, "fvu"),
    )


def _steering(summary: pd.DataFrame, n: int) -> Claim:
    ours, random = (per_seed(summary, column, arm="GSAE") for column in ("gain", "random_gain"))
    parts = {
        "a gain": verdict(above(ours, 0.0)),
        "above that of a random latent": verdict(above(ours - random, 0.0)),
        **{f"above {over}'s": _judged(summary, "gain", "GSAE", over) for over in BASELINES},
    }
    return _claim(
        "p3.C9",
        summary,
        ours,
        above(ours, 0.0),
        statement="raising an instrument's latent, found in captions, makes sounds retrieve it; a split one does less",
        expected="greater",
        metric="gain in mean average precision of the instrument, GSAE",
        n=n,
        verdict=combine([*parts.values()]),
        why="; ".join(f"{name}: {part}" for name, part in parts.items()),
        controls={"GSAE, random latent": random.mean()} | _means(summary, "gain"),
    )


def _compared(
    id: str,
    table: pd.DataFrame,
    columns: tuple[str, ...],
    arm: str,
    others: tuple[str, ...],
    *,
    more: list[Verdict] | None = None,
    controls: dict[str, float] | None = None,
    expected: str = "greater",
    **rest: Any,
) -> Claim:
    """A claim that an arm exceeds others in some columns; the effect is that of the first column over the last one."""
    parts = {f"{c}, {arm} above {over}": _judged(table, c, arm, over) for c in columns for over in others}
    effect = gain(table, columns[0], arm, others[-1])
    said = [f"{name}: {part}" for name, part in parts.items()] + [f"also: {part}" for part in more or []]
    return _claim(
        id,
        table,
        effect,
        above(effect, 0.0),
        expected=expected,
        verdict=combine([*parts.values(), *(more or [])]),
        why="; ".join(said),
        controls={name: value for c in columns for name, value in _means(table, c).items()} | (controls or {}),
        **rest,
    )


def _judged(table: pd.DataFrame, column: str, arm: str, over: str) -> Verdict:
    return verdict(above(gain(table, column, arm, over), 0.0))


def _means(table: pd.DataFrame, column: str) -> dict[str, float]:
    return {f"{arm}: {column}": per_seed(table, column, arm=arm).mean() for arm in ARMS}


def _claim(id: str, table: pd.DataFrame, effects: np.ndarray, holds: list[bool], **rest: Any) -> Claim:
    named = dict(zip(sorted(int(seed) for seed in table.seed.unique()), effects.tolist(), strict=True))
    return claim_over_seeds(id, named, holds, tolerance=TOLERANCES[id], notebook=NOTEBOOK, **rest)
