"""Paper 2: what decides a two-tower dictionary before its first step, and how the norm of its inputs changes it.

The initial weights are those of `torch.nn.Linear`. A row x of norm r meets encoder rows with |w|^2 about 1/3, so that
w.x scatters by r / sqrt(3 d), and biases that scatter by 1 / sqrt(3 d): at r = 1 the biases choose the latents, at r =
10 the rows do. Random decoders write vectors whose length does not depend on r.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from lib.encoders.embeddings import Embeddings
from lib.metrics.firing import firing
from lib.papers.p2.two_tower_dictionaries import (
    NORM,
    SAE_S,
    VL_SAE,
    TwoTowerArm,
    fit_two_tower_arms,
    two_tower_training,
)
from lib.papers.p2.two_tower_measures import alignment_table, code_table
from lib.sae.models.two_towers import TOWERS, TwoTowers
from lib.sae.training.untrained import untrained
from lib.worlds.session import Session

SMALL_NORM = 0.71
"""The norm of a tower's rows where whole pairs are scaled to norm 1, as dictionaries of one tower scale their rows."""

ROWS = 2000
"""Training rows on which a start is measured."""

SEEDS = 2
"""Seeds of the trainings at the small norm."""


NORM_ARMS = (VL_SAE, SAE_S)
"""The arms that are trained at both norms."""


def start_table(
    session: Session, arms: Iterable[TwoTowerArm], norms: Iterable[float] = (SMALL_NORM, NORM)
) -> pd.DataFrame:
    """Arms before their first step, one row per arm and norm, first seed, worst of the two towers.

    Columns: norm, arm, k, dead (share of latents silent on ROWS training rows), signal_to_bias (scatter of w.x over
    that of the encoder's biases; empty without biases), written (mean length of what the random decoders write, without
    their biases, over that of the rows).
    """
    rows = []
    for norm in norms:
        for arm in arms:
            run = two_tower_training(session, replace(arm, norm=norm), session.seeds[0])
            sae = untrained(*run)
            assert isinstance(sae, TwoTowers)
            data = run.embeddings.rows(np.arange(min(ROWS, len(run.embeddings))), "of the start")
            rows.append({"norm": norm, "arm": arm.name, "k": sae.config.k, **_start(sae, data)})
    return pd.DataFrame(rows)


@torch.no_grad()
def _start(sae: TwoTowers, data: Embeddings) -> dict[str, float]:
    dead, written = [], []
    for tower in TOWERS:
        codes, rows = sae.codes(data, tower), data.tower(tower)
        decoded = sae.reconstruct(codes, tower) - sae.decoder_of(tower)[1].numpy()
        dead.append(firing(codes).dead_share)
        written.append(float((np.linalg.norm(decoded, axis=1) / np.linalg.norm(rows, axis=1)).mean()))
    ratio = np.nan
    if sae.b_enc is not None:
        signal = torch.from_numpy(data.tower("image")) @ sae.encoder[0].t()
        ratio = float(signal.std() / sae.b_enc.std())
    return {"dead": max(dead), "signal_to_bias": ratio, "written": max(written)}


def norm_table(session: Session) -> pd.DataFrame:
    """VL-SAE and SAE-S trained at both norms with the same seeds: norm, arm, seed, gap, latents, gap_any, r10, FVU."""
    parts = []
    for norm in (SMALL_NORM, NORM):
        fitted = fit_two_tower_arms(session, [replace(arm, norm=norm) for arm in NORM_ARMS], SEEDS)
        scores = alignment_table(session, fitted)
        scores = scores[scores.judge == scores.judge.iloc[0]]
        by = ["arm", "k", "seed"]
        columns = [*by, "r10", "fvu_image", "fvu_text", "dead_image", "dead_text"]
        rows = scores[[*by, "gap", "gap_any", "latents"]].merge(code_table(fitted)[columns], on=by)
        parts.append(rows.assign(norm=norm))
    table = pd.concat(parts, ignore_index=True)
    return table[["norm", *table.columns[:-1]]]
