"""Evidence for C10, against a look at every latent of a table of random numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from lib.papers.p1.n11_evidence import LEAST_STEP, c10
from lib.report.evidence import judge
from tests.papers.common.score_tables import SEEDS, holds


def latents() -> pd.DataFrame:
    random = np.random.default_rng(0)
    parts = []
    for arm in ("untrained", "matryoshka", "batch_topk"):
        for seed in SEEDS[::-1]:
            n = 50 + seed
            columns = {name: random.random(n) for name in ("score", "depth", "shuffled")}
            columns |= {"level": random.integers(0, 4, n), "support": random.integers(1, 99, n)}
            parts.append(pd.DataFrame({"arm": arm, "seed": seed, "latent": np.arange(n), **columns}))
    parts.append(parts[0].assign(arm="taxa", seed=0, score=parts[0].level + random.random(len(parts[0]))))
    return pd.concat(parts)


def cosines(last: float = 0.3) -> pd.DataFrame:
    """Three ranks that the embedding holds, by 0.5, 0.5 and, unless `last` says otherwise, 0.5 standard deviations."""
    return pd.DataFrame({"depth": range(4), "cosine": [0.0, 0.1, 0.2, last], "sd": 0.2})


def partial(rows: pd.DataFrame) -> float:
    """Partial rank correlation from the three plain ones, by its formula."""
    plain = rows[["level", "score", "support"]].corr("spearman").to_numpy()
    xy, xz, yz = plain[0, 1], plain[0, 2], plain[1, 2]
    return (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))


def test_c10() -> None:
    table = latents()

    def of(column: str, arm: str) -> list[float]:
        rows = [table[(table.arm == arm) & (table.seed == seed)] for seed in SEEDS]
        return [stats.spearmanr(one["level"], one[column]).statistic for one in rows]

    found = c10(table, cosines(), 2000, 0.31)
    assert (found.id, found.seeds, found.n) == ("p1.C10", SEEDS, 2000)
    taxa = table[table.arm == "taxa"]
    holds(found.positive, [stats.spearmanr(taxa.level, taxa.score).statistic], trained=False)
    mine = table[table.arm == "matryoshka"]
    holds(found.parts["score at equal support"], [partial(mine[mine.seed == seed]) for seed in SEEDS])
    holds(found.parts["score"], of("score", "matryoshka"))
    holds(found.parts["depth"], of("depth", "matryoshka"))
    beyond = [a - b for a, b in zip(of("depth", "matryoshka"), of("depth", "batch_topk"), strict=True)]
    holds(found.parts["depth beyond no order"], beyond)
    holds(found.negative, of("score", "untrained"))
    holds(found.context["score, BatchTopK (no order)"], of("score", "batch_topk"))
    holds(found.context["depth, Matryoshka"], of("depth", "matryoshka"))
    holds(found.context["depth, BatchTopK (no order)"], of("depth", "batch_topk"))
    holds(found.context["depth, untrained"], of("depth", "untrained"))
    holds(found.context["mean cosine at depth 3"], [0.3], trained=False)
    holds(found.context["depth, labels of other images"], of("shuffled", "matryoshka"))
    holds(found.context["mean depth of random pairs"], [0.31], trained=False)


def test_depth_is_not_judged_by_a_rank_that_the_encoder_does_not_see() -> None:
    unseen = c10(latents(), cosines(0.2 + 0.9 * LEAST_STEP * 0.2), 2000, 0.31)
    why = unseen.parts["depth"]
    assert isinstance(why, str) and why == unseen.parts["depth beyond no order"]
    assert why.startswith("the encoder does not see rank 3 of the taxonomy") and "0.218" in why and "0.200" in why
    claim = judge(unseen, "11")
    assert {one.name for one in claim.unmeasured} == {"depth", "depth beyond no order"}
    seen = c10(latents(), cosines(0.2 + 1.1 * LEAST_STEP * 0.2), 2000, 0.31)
    assert not isinstance(seen.parts["depth"], str)
