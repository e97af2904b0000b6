"""Evidence for claims C2 to C5, C7, C11 and C12 of paper 1, from the tables of `ms_scores`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.metrics.intervals import spearman
from lib.papers.common.ms_evidence import main_judge
from lib.papers.common.ms_scores import PAPER_RECIPES
from lib.report.effects import Effect, over_seeds
from lib.report.evidence import Evidence, not_measured
from lib.report.seeds import arch, curve, per_doubling, per_seed, rise, seeds_of


def supported_widths(table: pd.DataFrame, k: int, widths: list[int]) -> list[int]:
    """The widths at which every dictionary has a best latent with support in every seed."""
    best = table[(table.k == k) & (table.judge == main_judge(table))].groupby("expansion").supported_best
    full = best.apply(lambda values: values.notna().all())
    return [e for e in widths if full[e]]


def c2(table: pd.DataFrame, k: int, widths: list[int], n: int) -> Evidence:
    """Whether wider dictionaries have a better best latent, with a minimum support and as the paper has it, without."""
    widths = supported_widths(table, k, widths)
    if len(widths) < 2:
        return not_measured("p1.C2", "a trend needs two widths with latents that ten test images activate")

    def slope(arm: str, column: str = "supported_best") -> Effect:
        best = curve(table, column, "expansion", widths, arm=arm, k=k, judge=main_judge(table))
        return over_seeds(per_doubling(best, widths))

    live = curve(table, "live", "expansion", widths, arm="matryoshka", k=k, judge=main_judge(table))
    return Evidence(
        "p1.C2",
        {
            "Matryoshka": slope("matryoshka"),
            "BatchTopK": slope("batch_topk"),
            "Matryoshka, any support": slope("matryoshka", "best"),
            "BatchTopK, any support": slope("batch_topk", "best"),
        },
        seeds_of(table),
        n,
        positive=slope("nearest"),
        negative=slope("untrained"),
        context={
            "untrained, any support": slope("untrained", "best"),
            "shuffled Matryoshka": slope("shuffled matryoshka"),
            **{f"live share x{e}": over_seeds(values) for e, values in zip(widths, live.T, strict=True)},
        },
    )


def c3(table: pd.DataFrame, k: int, widths: list[int], n: int) -> Evidence:
    """Whether the mean score has its peak at a moderate width, while the number of good latents rises."""
    if len(widths) < 3:
        return not_measured("p1.C3", "a hump needs three widths")

    def of(column: str, arm: str = "matryoshka") -> np.ndarray:
        return curve(table, column, "expansion", widths, arm=arm, k=k, judge=main_judge(table))

    mean = of("mean")
    shown = {"mean MS": mean, "live share": of("live"), "R2": of("r2_equal")}
    return Evidence(
        "p1.C3",
        {
            "arch": over_seeds(arch(mean)),
            "rise at the start": over_seeds(mean[:, 1] - mean[:, 0]),
            "fall at the end": over_seeds(mean[:, -2] - mean[:, -1]),
            "high latents": over_seeds(per_doubling(of("high"), widths)),
        },
        seeds_of(table),
        n,
        positive=over_seeds(arch(of("mean", "resized"))),
        negative=over_seeds(arch(of("mean", "untrained"))),
        context={
            f"{name} x{e}": over_seeds(values)
            for name, curves in shown.items()
            for e, values in zip(widths, curves.T, strict=True)
        },
    )


def c4(table: pd.DataFrame, ks: list[int], n: int) -> Evidence:
    """Whether sparser codes are more monosemantic and reconstruct worse. ks: increasing."""

    def of(column: str, arm: str = "matryoshka") -> np.ndarray:
        return curve(table, column, "k", ks, arm=arm, expansion=1, judge=main_judge(table))

    shown = {"mean MS": of("mean"), "live share": of("live"), "images of the median live latent": of("images")}
    return Evidence(
        "p1.C4",
        {"score": over_seeds(-rise(of("mean"))), "R2": over_seeds(rise(of("r2")))},
        seeds_of(table),
        n,
        positive=over_seeds(-rise(of("mean", "nearest"))),
        negative=over_seeds(-rise(of("mean", "shuffled matryoshka"))),
        context={
            "score, untrained": over_seeds(-rise(of("mean", "untrained"))),
            **{
                f"{name} at K {k}": over_seeds(values)
                for name, curves in shown.items()
                for k, values in zip(ks, curves.T, strict=True)
            },
        },
    )


def c5(table: pd.DataFrame, k: int, widths: list[int], n: int, paper_k: int) -> Evidence:
    """Whether Matryoshka scores above BatchTopK and reconstructs a little worse, in the same seed, at equal L0."""

    main = main_judge(table)

    def difference(column: str, judge: str = main, arms: tuple[str, str] = ("matryoshka", "batch_topk")) -> Effect:
        ours, theirs = (curve(table, column, "expansion", widths, arm=arm, k=k, judge=judge) for arm in arms)
        return over_seeds((ours - theirs).mean(axis=1))

    sparse = [
        per_seed(table, "mean", arm=arm, expansion=1, k=paper_k, judge=main) for arm in ("matryoshka", "batch_topk")
    ]
    others = sorted(set(table.judge) - {main})
    gaps = curve(table, "r2_equal", "expansion", widths, arm="matryoshka", k=k, judge=main) - curve(
        table, "r2_equal", "expansion", widths, arm="batch_topk", k=k, judge=main
    )
    return Evidence(
        "p1.C5",
        {
            "score": difference("mean"),
            "R2": difference("r2_equal"),
            "score at the paper's sparsity": over_seeds(sparse[0] - sparse[1]),
        },
        seeds_of(table),
        n,
        positive=difference("mean", arms=("nearest", "batch_topk")),
        negative=difference("mean", arms=("shuffled matryoshka", "shuffled batch_topk")),
        context={
            **{f"score by the {judge} judge": difference("mean", judge) for judge in others},
            "live share": difference("live"),
            "images of the median live latent": difference("images"),
            **{f"R2 x{e}": over_seeds(values) for e, values in zip(widths, gaps.T, strict=True)},
        },
    )


def c7(agreement: pd.DataFrame, table: pd.DataFrame, k: int, n: int, judges_share: str) -> Evidence:
    """Whether the network and the ground truth rank the latents alike.

    agreement: of `judge_agreement`. judges_share: what the world's judges have in common, empty where nothing.
    """
    if not {"network", "truth"} <= set(agreement):
        return not_measured("p1.C7", "the world has no second judge: a network beside the ground truth")
    if judges_share:
        return not_measured("p1.C7", judges_share)
    by_seed = [rows for _, rows in agreement.groupby("seed")]

    def gain(judge: str) -> Effect:
        trained = per_seed(table, "mean", arm="matryoshka", judge=judge, expansion=1, k=k)
        return over_seeds(trained - per_seed(table, "mean", arm="raw", judge=judge, expansion=1))

    def ranks(first: str, second: str) -> Effect:
        return over_seeds([spearman(rows[first].to_numpy(), rows[second].to_numpy()) for rows in by_seed])

    return Evidence(
        "p1.C7",
        {
            "rank correlation": ranks("network", "truth"),
            "above raw by the network": gain("network"),
            "above raw by the truth": gain("truth"),
        },
        seeds_of(agreement),
        n,
        positive=ranks("first_half", "second_half"),
        negative=ranks("network", "truth, other images"),
        context={"latents": over_seeds([len(rows) for rows in by_seed])},
    )


def c11(overlap: pd.DataFrame, n: int) -> Evidence:
    """Whether latents have different top images. overlap: of `distinctness`."""
    rows = overlap.sort_values("seed")
    # With every latent twice, w pairs of 2 w latents are twins, and each pair of copies occurs there four times.
    doubled = (1 + 2 * rows.half * (rows.latents - 1)) / (2 * rows.latents - 1)
    return Evidence(
        "p1.C11",
        {"copies": over_seeds(rows.half)},
        seeds_of(overlap),
        n,
        positive=over_seeds(rows.half_random),
        negative=over_seeds(doubled),
        context={
            "pairs that share any image": over_seeds(rows["any"]),
            "random sets that share any image": over_seeds(rows.any_random),
            "latents with full lists": over_seeds(rows.latents),
        },
    )


def c12(table: pd.DataFrame, k: int, widths: list[int], n: int) -> Evidence:
    """Whether the learnt threshold gives the sparsity that training asked for."""

    def off(column: str) -> dict[str, np.ndarray]:
        """(seeds,) largest deviation over the widths, for each dictionary."""
        curves = {
            arm: curve(table, column, "expansion", widths, arm=arm, k=k, judge=main_judge(table))
            for arm in PAPER_RECIPES
        }
        return {arm: np.abs(l0 / k - 1).max(axis=1) for arm, l0 in curves.items()}

    def largest(column: str) -> Effect:
        return over_seeds(np.maximum(*off(column).values()))

    return Evidence(
        "p1.C12",
        {"deviation": largest("l0")},
        seeds_of(table),
        n,
        positive=largest("l0_equal"),
        negative=largest("l0_free"),
        context={f"deviation, {arm}": over_seeds(values) for arm, values in off("l0").items()},
    )
