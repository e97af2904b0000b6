"""Evidence for claim C13 of paper 1: does a clamped latent steer what a multimodal LLM says?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.papers.p1.n12_answers import SWEPT_ARMS, Strengths, strength_of, summarise_answers
from lib.report.effects import Effect, over_seeds
from lib.report.evidence import Evidence
from lib.report.seeds import per_seed, seeds_of


def c13(answers: pd.DataFrame, limits: pd.DataFrame, strengths: Strengths) -> Evidence:
    """Whether clamping a latent makes the LLM name its concept, and the dictionary without an edit does not.

    answers: of `steer_all`. limits: of `cosine_bounds`. strengths: of `best_strengths`.
    """
    table = summarise_answers(answers)
    kinds = summarise_answers(answers[answers.kind])

    def of(column: str, arm: str, task: str = "insert", rows: pd.DataFrame = table) -> np.ndarray:
        return per_seed(rows, column, arm=arm, task=task)

    def above_reconstruct(column: str, arm: str, task: str = "insert") -> Effect:
        return over_seeds(of(column, arm, task) - of(column, "reconstruct", task))

    span = per_seed(limits, "match") - per_seed(limits, "shuffled")
    seeds = seeds_of(answers)
    of_kinds = of("clean", "clamp", rows=kinds) - of("clean", "reconstruct", rows=kinds)
    shown = answers[(answers.task == "suppress") & (answers.arm == "plain")]
    seen = (shown.named & shown.formed).groupby(shown.seed).mean().to_numpy()
    return Evidence(
        "p1.C13",
        {
            "named": above_reconstruct("clean", "clamp"),
            "object kinds": over_seeds(of_kinds) if len(of_kinds) == len(seeds) else "a seed has no latent of a kind",
            "towards the target": over_seeds((of("cosine", "clamp") - of("cosine", "reconstruct")) / span),
            "reconstruction": over_seeds((of("cosine", "reconstruct") - of("cosine", "plain")) / span),
        },
        seeds,
        len(answers),
        positive=over_seeds(seen - of("clean", "reconstruct")),
        negative=above_reconstruct("clean", "random latent"),
        context={
            "named, well formed or not": above_reconstruct("success", "clamp"),
            "named and well formed, the dictionary's error kept": above_reconstruct("clean", "clamp + error"),
            "named and well formed, difference in means": above_reconstruct("clean", "difference in means"),
            **{
                f"{task}: done, well formed and the rest kept, {arm}": over_seeds(of("both", arm, task))
                for task in ("insert", "suppress")
                for arm in ("reconstruct", *SWEPT_ARMS)
            },
            **{f"well formed, {arm}": over_seeds(of("formed", arm)) for arm in ("reconstruct", *SWEPT_ARMS)},
            **{
                f"strength to {task}, {arm}": over_seeds([strength_of(strengths, task, arm, seed) for seed in seeds])
                for task in ("insert", "suppress")
                for arm in SWEPT_ARMS
            },
        },
    )
