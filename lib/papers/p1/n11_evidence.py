"""Evidence for claim C10 of paper 1: do the levels of a nested dictionary follow a taxonomy?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.papers.p1.n11_hierarchy import order_correlations, order_given_support
from lib.report.effects import Effect, exactly, over_seeds
from lib.report.evidence import Evidence
from lib.report.seeds import seeds_of

LEAST_STEP = 0.1
"""A rank is in the embedding if two pictures that share it are more alike than two that share only the rank above, by
this share of a standard deviation over pairs. Below it, the cosine says almost nothing about the rank."""


def c10(latents: pd.DataFrame, cosines: pd.DataFrame, n: int, chance: float) -> Evidence:
    """Whether later levels score higher and have deeper common ancestors.

    latents: of `latent_table`. cosines: of `rank_cosines`. n: test images. chance: mean depth of the common ancestor of
    two random images.
    """
    taxa, latents = latents[latents.arm == "taxa"], latents[latents.arm != "taxa"]
    score, depth, shuffled = (order_correlations(latents, column) for column in ("score", "depth", "shuffled"))
    depths: dict[str, Effect | str] = {
        "depth": over_seeds(depth["matryoshka"]),
        "depth beyond no order": over_seeds(depth["matryoshka"] - depth["batch_topk"]),
    }
    steps = np.diff(cosines.cosine) / cosines.sd.iloc[0]
    if steps.min() < LEAST_STEP:
        depths = dict.fromkeys(depths, _unseen(cosines, int(steps.argmin())))
    return Evidence(
        "p1.C10",
        {
            "score": over_seeds(score["matryoshka"]),
            "score at equal support": over_seeds(order_given_support(latents)["matryoshka"]),
            **depths,
        },
        seeds_of(latents),
        n,
        positive=exactly(float(order_correlations(taxa, "score")["taxa"][0])),
        negative=over_seeds(score["untrained"]),
        context={
            "depth, Matryoshka": over_seeds(depth["matryoshka"]),
            "depth, latents that are the taxa": exactly(float(order_correlations(taxa, "depth")["taxa"][0])),
            "score, BatchTopK (no order)": over_seeds(score["batch_topk"]),
            "depth, BatchTopK (no order)": over_seeds(depth["batch_topk"]),
            "depth, untrained": over_seeds(depth["untrained"]),
            "depth, labels of other images": over_seeds(shuffled["matryoshka"]),
            "mean depth of random pairs": exactly(chance),
            **{f"mean cosine at depth {row.depth}": exactly(row.cosine) for row in cosines.itertuples()},
        },
    )


def _unseen(cosines: pd.DataFrame, step: int) -> str:
    above, below = cosines.cosine.iloc[step], cosines.cosine.iloc[step + 1]
    return (
        f"the encoder does not see rank {step + 1} of the taxonomy: two images that share it have a mean cosine of "
        f"{below:.3f}, two that share only the rank above {above:.3f}"
    )
