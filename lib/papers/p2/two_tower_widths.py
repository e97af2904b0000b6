"""Paper 2: VL-SAE against SAE-S at two widths: `python -m lib.papers.p2.two_tower_widths`.

The notebooks train four latents per dimension on scenes, the paper eight. One in sixteen latents is active at both, and
steps, batch and rate are the same. It takes some minutes on two cores; `docs/errata.md` gives its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import typer

from lib.papers.p2.two_tower_dictionaries import (
    DEFAULT_BATCH,
    DEFAULT_K,
    DEFAULT_STEPS,
    DEFAULT_WIDTH,
    SAE_S,
    VL_SAE,
    fit_two_tower_arms,
)
from lib.papers.p2.two_tower_measures import alignment_table, code_table
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session

MULTIPLES = (4, 8)
"""Latents per dimension."""

_COLUMNS = ["gap", "latents", "r10", "fvu_image", "fvu_text", "dead_image"]


def width_table(multiples: Sequence[int] = MULTIPLES, overrides: Sequence[str] = ()) -> pd.DataFrame:
    """Both recipes at each width on scenes, one row per multiple, recipe and seed: multiple, arm, seed, gap (intra -
    inter of the main judge), latents (with ten pictures and ten captions), r10, fvu_image, fvu_text, dead_image."""
    parts = []
    for multiple in multiples:
        times = multiple / MULTIPLES[0]
        width, k = round(DEFAULT_WIDTH * times), round(DEFAULT_K * times)
        sizes = {"pairs.width": width, "pairs.steps": DEFAULT_STEPS, "pairs.batch": DEFAULT_BATCH, "sae.k": k}
        settings = [f"{key}={value}" for key, value in sizes.items()]
        session = open_session("20_concepts", load_profile("scenes", [*settings, *overrides]))
        fitted = fit_two_tower_arms(session, (VL_SAE, SAE_S))
        scores = alignment_table(session, fitted)
        scores = scores[scores.judge == scores.judge.iloc[0]]
        by = ["arm", "k", "seed"]
        parts.append(scores.merge(code_table(fitted), on=by).assign(multiple=multiple))
    return pd.concat(parts, ignore_index=True)[["multiple", "arm", "seed", *_COLUMNS]]


def main() -> None:
    """Print means and standard deviations over seeds."""
    table = width_table()
    print(table.groupby(["multiple", "arm"])[_COLUMNS].agg(["mean", "std"]).round(3).T.to_string())
    lead = table.pivot(index=["multiple", "seed"], columns="arm", values="gap")
    print((lead[VL_SAE.name] - lead[SAE_S.name]).groupby("multiple").agg(["mean", "std", "min"]).round(3).to_string())


if __name__ == "__main__":
    typer.run(main)
