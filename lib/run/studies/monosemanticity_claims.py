"""Paper 1, claims C1 to C7, C11 and C12: from the tables of `monosemanticity` to verdicts.

Every margin stands here: a claim holds for a seed if its effect passes the margin. All were fixed before any result but
SLOPE and HUMP, which were 0 at first.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.metrics.intervals import spearman
from lib.report.claims import Claim, claim_over_seeds, untestable
from lib.report.verdicts import above, below, combine, falling, humped, rising, verdict

NOTEBOOK = "10_monosemanticity"
MAIN_JUDGE = "network"

SLOPE, HUMP = 0.015, 0.005
"""Margins of C2 and C3: half of the paper's effect at x1 to x8 (last layer, Matryoshka: the best score gains 0.031 a
doubling, table 1a; the mean's peak is 0.01 above its higher end, table A2). A margin of 0 would leave the verdict on an
effect near 0 to the rounding of the machine."""

TOLERANCES = {
    (NOTEBOOK, "p1.C1"): 0.09,
    (NOTEBOOK, "p1.C2"): 0.06,
    (NOTEBOOK, "p1.C3"): 0.02,
    (NOTEBOOK, "p1.C4"): 0.09,
    (NOTEBOOK, "p1.C5"): 0.015,
    (NOTEBOOK, "p1.C6"): 0.001,
    (NOTEBOOK, "p1.C7"): 0.27,
    (NOTEBOOK, "p1.C11"): 0.001,
    (NOTEBOOK, "p1.C12"): 0.03,
    ("03_real_clip", "p1.C1"): 0.11,
    ("03_real_clip", "p1.C6"): 0.001,
    ("04_photos", "p1.C1"): 0.08,
    ("04_photos", "p1.C6"): 0.001,
}
"""How far an effect may move on another machine.

Training is chaotic, so on another processor a seed takes another path, and ends as far away as another seed does: each
number is about twice the range over seeds of the committed run. What is not trained (C6) moves by rounding only.
"""


def per_seed(table: pd.DataFrame, column: str, **where: object) -> np.ndarray:
    """The values of a column over seeds, for the rows that `where` picks (one a seed)."""
    return table.loc[(table[list(where)] == pd.Series(where)).all(axis=1)].sort_values("seed")[column].to_numpy()


def curve(table: pd.DataFrame, column: str, along: str, points: list[int], **where: object) -> np.ndarray:
    """(seeds, points): a column along a swept setting."""
    return np.stack([per_seed(table, column, **{along: point}, **where) for point in points], axis=1)


def per_doubling(curves: np.ndarray, points: list[int]) -> np.ndarray:
    """(seeds,): least-squares slope of each curve (seeds, points) against the base-2 logarithm of the points."""
    return np.polyfit(np.log2(points), curves.T, 1)[0]


def supported_widths(table: pd.DataFrame, k: int, widths: list[int]) -> list[int]:
    """The widths at which every dictionary has a best latent with support in every seed."""
    best = table[(table.k == k) & (table.judge == MAIN_JUDGE)].groupby("expansion").supported_best
    full = best.apply(lambda values: values.notna().all())
    return [e for e in widths if full[e]]


def claim_c1(table: pd.DataFrame, k: int, n: int, judge: str = MAIN_JUDGE, notebook: str = NOTEBOOK) -> Claim:
    """At equal width, dictionary latents score above raw neurons."""
    by = {"expansion": 1, "judge": judge}
    share = per_seed(table, "above_raw", arm="matryoshka", k=k, **by)
    untrained = per_seed(table, "above_raw", arm="untrained", k=k, **by).mean()
    means = {arm: per_seed(table, "mean", arm=arm, **by).mean() for arm in ("raw", "raw ReLU", "rotated")}
    trained, random = (per_seed(table, "mean", arm=arm, k=k, **by).mean() for arm in ("matryoshka", "untrained"))
    return _claim(
        "p1.C1",
        table,
        share,
        above(share, 0.9),
        statement="at equal width, at least 90 % of the dictionary's latents score above the best raw neuron",
        expected="greater",
        metric="share of live Matryoshka x1 latents with MS above the best raw neuron",
        n=n,
        why=f"margin 0.9 in every seed; an untrained dictionary of the same sparsity reaches {untrained:.2f}, mean MS "
        f"{random:.3f} against {trained:.3f} trained: what sparsity alone gives must be subtracted",
        controls={
            "untrained: share": untrained,
            "BatchTopK: share": per_seed(table, "above_raw", arm="batch_topk", k=k, **by).mean(),
            "shuffled: share": per_seed(table, "above_raw", arm="shuffled", k=k, **by).mean(),
            "mean MS trained": trained,
            "mean MS untrained": random,
            **{f"mean MS {arm}": value for arm, value in means.items()},
        },
        notebook=notebook,
    )


def claim_c2(table: pd.DataFrame, k: int, widths: list[int], n: int) -> Claim:
    """Wider dictionaries have a better best latent."""
    fixed = {"statement": "the best latent's score trends upwards with the width", "expected": "up", "n": n}
    widths = supported_widths(table, k, widths)
    if len(widths) < 2:
        why = "a trend needs two widths with latents that ten test pictures activate"
        return untestable("p1.C2", why, metric="slope of the best MS", notebook=NOTEBOOK, **fixed)
    best = curve(table, "supported_best", "expansion", widths, arm="matryoshka", k=k, judge=MAIN_JUDGE)
    plain = curve(table, "best", "expansion", widths, arm="matryoshka", k=k, judge=MAIN_JUDGE)
    untrained = curve(table, "supported_best", "expansion", widths, arm="untrained", k=k, judge=MAIN_JUDGE)
    gain = per_doubling(best, widths)
    return _claim(
        "p1.C2",
        table,
        gain,
        above(gain, SLOPE),
        metric=f"slope of the best MS at support >= 10 per doubling of the width, x{widths[0]} to x{widths[-1]}, "
        "Matryoshka",
        why=f"margin {SLOPE}, half of the paper's slope, in every seed; one latent a width makes a noisy curve, so a "
        "trend is asked and no monotone rise; without a minimum support two alike images make any best",
        controls={
            "slope without support filter": float(per_doubling(plain, widths).mean()),
            "slope of an untrained dictionary": float(per_doubling(untrained, widths).mean()),
        },
        **fixed,
    )


def claim_c3(table: pd.DataFrame, k: int, widths: list[int], n: int) -> Claim:
    """The mean score has its peak at a moderate width, while the number of good latents keeps rising."""
    fixed = {
        "statement": "over widths the mean score rises and falls again, and the count of latents above one half rises",
        "expected": "hump",
        "metric": "peak of mean MS over widths minus the higher end, Matryoshka",
        "n": n,
    }
    if len(widths) < 3:
        return untestable("p1.C3", "a hump needs three widths", notebook=NOTEBOOK, **fixed)
    where = {"arm": "matryoshka", "k": k, "judge": MAIN_JUDGE}
    mean = curve(table, "mean", "expansion", widths, **where)
    high = curve(table, "high", "expansion", widths, **where)
    height = mean.max(axis=1) - np.maximum(mean[:, 0], mean[:, -1])
    parts = (verdict(humped(mean, HUMP)), verdict(above(per_doubling(high, widths), 0.0)))
    return _claim(
        "p1.C3",
        table,
        height,
        humped(mean, HUMP),
        verdict=combine(parts),
        why=f"hump of more than {HUMP}, half of the paper's: {parts[0]}; upward trend of the count of latents with "
        f"corrected MS above 0.5: {parts[1]}; "
        f"widths x{widths[0]} to x{widths[-1]}, the paper goes to x64",
        controls={
            **{f"mean MS x{e}": value for e, value in zip(widths, mean.mean(axis=0), strict=True)},
            **{f"latents above one half x{e}": value for e, value in zip(widths, high.mean(axis=0), strict=True)},
        },
        **fixed,
    )


def claim_c4(table: pd.DataFrame, ks: list[int], n: int) -> Claim:
    """Sparser codes are more monosemantic and reconstruct worse."""
    where = {"arm": "matryoshka", "expansion": 1, "judge": MAIN_JUDGE}
    mean, r2 = (curve(table, column, "k", ks, **where) for column in ("mean", "r2"))
    drop = mean[:, 0] - mean[:, -1]
    parts = (verdict(falling(mean, 0.0)), verdict(rising(r2, 0.0)))
    return _claim(
        "p1.C4",
        table,
        drop,
        above(drop, 0.0),
        statement=f"from K {ks[0]} to K {ks[-1]} the mean score falls at every step and R2 rises at every step",
        expected="down",
        metric=f"mean MS at K {ks[0]} minus K {ks[-1]}, Matryoshka x1",
        n=n,
        verdict=combine(parts),
        why=f"falling mean MS: {parts[0]}; rising R2: {parts[1]}; every step in every seed",
        controls={f"R2 at K {k}": value for k, value in zip(ks, r2.mean(axis=0), strict=True)},
    )


def claim_c5(table: pd.DataFrame, k: int, widths: list[int], n: int) -> Claim:
    """Matryoshka scores above BatchTopK and reconstructs a little worse."""

    def difference(column: str, judge: str = MAIN_JUDGE) -> np.ndarray:
        arms = ("matryoshka", "batch_topk")
        ours, theirs = (curve(table, column, "expansion", widths, arm=arm, k=k, judge=judge) for arm in arms)
        return (ours - theirs).mean(axis=1)

    gain, cost = difference("mean"), difference("r2")
    others = [judge for judge in table.judge.unique() if judge != MAIN_JUDGE]
    parts = (verdict(above(gain, 0.0)), verdict(below(cost, 0.0)))
    return _claim(
        "p1.C5",
        table,
        gain,
        above(gain, 0.0),
        statement="at equal width and sparsity Matryoshka has the higher mean score and the lower R2",
        expected="greater",
        metric=f"mean MS, Matryoshka minus BatchTopK, same seed, mean over x{widths[0]} to x{widths[-1]}",
        n=n,
        verdict=combine(parts),
        why=f"higher mean MS: {parts[0]}; lower R2: {parts[1]}; paired by seed",
        controls={
            "R2 difference": cost.mean(),
            **{f"difference by the {judge} judge": difference("mean", judge).mean() for judge in others},
        },
    )


def claim_c6(table: pd.DataFrame, n: int, notebook: str = NOTEBOOK) -> Claim:
    """The score of a raw neuron is the judge's chance level."""
    raw = table[(table.arm == "raw") & (table.seed == table.seed.min())].set_index("judge")
    offset, scatter = (raw["mean"] - raw.chance).abs().max(), raw.sd.max()
    holds = bool(offset < 0.01 and scatter < 0.02)
    return Claim(
        id="p1.C6",
        paper=1,
        claim="C6",
        statement="raw neurons score the mean cosine of two random pictures, with hardly any spread",
        expected="equal",
        metric="largest |mean MS of raw neurons - chance| over judges",
        effect=float(offset),
        spread={"kind": "none", "values": []},
        seeds=[],
        n=n,
        controls={f"chance by {judge}": value for judge, value in raw.chance.items()} | {"largest sd": float(scatter)},
        verdict=verdict([holds]),
        why="margins: offset below 0.01 and sd below 0.02 under every judge; nothing is trained, so there is no spread",
        tolerance=TOLERANCES[notebook, "p1.C6"],
        notebook=notebook,
    )


def claim_c7(agreement: pd.DataFrame, table: pd.DataFrame, k: int, wide: int, n: int) -> Claim:
    """Two judges that share nothing order latents and models alike; not testable in a world without ground truth."""
    fixed = {
        "statement": "an independent network and the ground truth rank the latents alike",
        "expected": "greater",
        "metric": "Spearman correlation of MS by the network and by the truth, latents with support >= 10, "
        f"Matryoshka x{wide}",
        "n": n,
    }
    if "truth" not in agreement:
        return untestable("p1.C7", "the world has one judge and no ground truth", notebook=NOTEBOOK, **fixed)
    seeds = sorted(agreement.seed.unique())
    rank = np.array([spearman(g.network.to_numpy(), g.truth.to_numpy()) for _, g in agreement.groupby("seed")])
    where = {"expansion": 1, "k": k}
    better = [
        per_seed(table, "mean", arm="matryoshka", judge=judge, **where)
        > per_seed(table, "mean", arm="raw", judge=judge, expansion=1)
        for judge in ("network", "truth")
    ]
    parts = (verdict(above(rank, 0.5)), verdict(list(better[0] & better[1])))
    return _claim(
        "p1.C7",
        table,
        rank,
        above(rank, 0.5),
        verdict=combine(parts),
        why=f"rank correlation above 0.5: {parts[0]}; dictionary above raw neurons under both: {parts[1]}",
        controls={"latents a seed": len(agreement) / len(seeds)},
        **fixed,
    )


def claim_c11(overlap: pd.DataFrame, table: pd.DataFrame, wide: int, n: int) -> Claim:
    """Latents have different top pictures."""
    half = overlap.sort_values("seed").half.to_numpy()
    shared = overlap["any"].to_numpy()
    parts = (verdict(below(half, 0.001)), verdict(below(shared, 0.05)))
    return _claim(
        "p1.C11",
        table,
        half,
        below(half, 0.001),
        statement="hardly any two latents share their top 16 pictures",
        expected="less",
        metric="share of latent pairs with Jaccard index of top-16 training pictures above one half, "
        f"Matryoshka x{wide}",
        n=n,
        verdict=combine(parts),
        why=f"fewer than 0.1 % of pairs above one half: {parts[0]}; fewer than 5 % share any picture: {parts[1]}",
        controls={"share any picture": shared.mean(), "random sets share any": overlap.any_random.mean()},
    )


def claim_c12(table: pd.DataFrame, k: int, widths: list[int], n: int) -> Claim:
    """At test time the learnt threshold gives the sparsity that training asked for."""

    def off(arm: str) -> np.ndarray:
        l0 = curve(table, "l0", "expansion", widths, arm=arm, k=k, judge=MAIN_JUDGE)
        return np.abs(l0 / k - 1).max(axis=1)

    deviation = np.maximum(off("matryoshka"), off("batch_topk"))
    return _claim(
        "p1.C12",
        table,
        deviation,
        below(deviation, 0.05),
        statement="with the learnt threshold, unseen pictures activate K latents on average, to within 5 %",
        expected="equal",
        metric=f"largest |L0 / K - 1| over x{widths[0]} to x{widths[-1]} and both dictionaries",
        n=n,
        why="margin 0.05 in every seed; the paper's L0 stays within 4 % up to x16 and leaves that range at x64",
        controls={"Matryoshka": off("matryoshka").mean(), "BatchTopK": off("batch_topk").mean()},
    )


def _claim(id: str, table: pd.DataFrame, effects: np.ndarray, holds: list[bool], **rest: object) -> Claim:
    seeds = sorted(int(seed) for seed in table.seed.unique())
    named = dict(zip(seeds, effects.tolist(), strict=True))
    fields = {"notebook": NOTEBOOK} | rest
    tolerance = TOLERANCES[str(fields["notebook"]), id]
    return claim_over_seeds(id, named, holds, tolerance=tolerance, **fields)  # type: ignore[arg-type]
