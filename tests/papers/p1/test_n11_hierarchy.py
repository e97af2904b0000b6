"""The levels of latents: their table on a small world, and what it counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.encoders.embeddings import Embeddings
from lib.papers.common.dictionaries import fit_recipes
from lib.papers.p1 import n11_hierarchy as study
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session

SMALL = ["splits.train=400", "splits.dev=5", "splits.test=120", "sae.steps=20", "sae.batch=128", "seeds=[0,1]"]


def latents() -> pd.DataFrame:
    rows = []
    for arm, factor in (("matryoshka", 1.0), ("batch_topk", 0.0), ("untrained", 0.0)):
        for seed in (0, 1, 2):
            random = np.random.default_rng(seed)
            for latent in range(200):
                level = int(np.searchsorted((4, 16, 64), latent, side="right"))
                noise = 0.01 * random.standard_normal(3)
                rows.append(
                    {
                        "arm": arm,
                        "seed": seed,
                        "latent": latent,
                        "level": level,
                        "score": factor * 0.1 * level + noise[0],
                        "depth": factor * 0.3 * level + noise[1],
                        "shuffled": noise[2],
                        "support": 5 + latent,
                    }
                )
    return pd.DataFrame(rows)


def test_level_table_counts_latents_and_keeps_the_best_of_supported_ones() -> None:
    table = study.level_table(latents())
    one = table[(table.arm == "matryoshka") & (table.seed == 0)]
    assert one.latents.tolist() == [4, 12, 48, 136]
    assert np.isnan(one.best.iloc[0]), "support below the minimum"
    assert one.score.is_monotonic_increasing


def test_the_order_of_latents_is_followed_in_each_seed() -> None:
    found = study.order_correlations(latents(), "depth")
    assert set(found) == {"matryoshka", "batch_topk", "untrained"} and all(len(one) == 3 for one in found.values())
    assert (found["matryoshka"] > 0.7).all() and (np.abs(found["batch_topk"]) < 0.2).all()


def test_latent_table_on_a_small_world(cache: Path) -> None:
    session = open_session("11_hierarchy", load_profile("scenes", SMALL))
    fitted = fit_recipes(session, study.taxonomy_recipes(session))
    assert fitted[0].sae.prefixes == [4, 16, 64, 256]
    table = study.latent_table(session, fitted, "network")
    assert set(table.arm) == {"matryoshka", "batch_topk", "untrained", "taxa"} and set(table.seed) == {0, 1}
    assert not table.isna().any(axis=None) and table.level.between(0, 3).all()
    assert table.depth.between(0, 3).all() and set(table.level[table.latent < 4]) <= {0}
    paths = session.world.taxonomy("test")
    assert (
        paths.shape == (120, 3) and (paths[:, 2] // 4 == paths[:, 1]).all() and (paths[:, 1] // 4 == paths[:, 0]).all()
    )


def tree(n: int = 800) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose taxonomy of 2, 4 and 8 taxa is in them, one coordinate for each taxon, and its paths (n, 3)."""
    random = np.random.default_rng(0)
    kind = random.integers(8, size=n)
    paths = np.column_stack([kind // 4, kind // 2, kind])
    rows = np.concatenate([np.eye(size)[rank] for size, rank in zip((2, 4, 8), paths.T, strict=True)], axis=1)
    return (rows + 0.05 * random.standard_normal(rows.shape)).astype(np.float32), paths


def test_latents_that_are_the_taxa_are_active_on_their_taxon() -> None:
    rows, paths = tree()
    train, test = (
        Embeddings(np.arange(len(part)).astype(str), part, None, "by hand", False, {})
        for part in (rows[:600], rows[600:])
    )
    taxa = [(level, taxon) for level, size in enumerate((2, 4, 8)) for taxon in range(size)]
    codes = study.taxon_means(train, paths[:600], taxa)(test).dense() > 0
    for active, (level, taxon) in zip(codes.T, taxa, strict=True):
        mine = paths[600:, level] == taxon
        assert (active & mine).sum() >= 0.95 * min(active.sum(), mine.sum())
        assert abs(active.mean() - (paths[:600, level] == taxon).mean()) < 0.02, "less those with a negative cosine"


def test_the_order_given_support_is_none_where_support_explains_it() -> None:
    random = np.random.default_rng(0)
    support = random.random(400)
    about = {"arm": "matryoshka", "seed": 0, "support": support, "level": (4 * support).astype(int)}
    narrow = study.order_given_support(pd.DataFrame(about | {"score": support + 0.3 * random.random(400)}))
    assert abs(narrow["matryoshka"][0]) < 0.15
    deep = study.order_given_support(pd.DataFrame(about | {"score": about["level"] + 0.1 * random.random(400)}))
    assert deep["matryoshka"][0] > 0.6


def test_cosines_of_pairs_by_the_rank_that_they_share(cache: Path) -> None:
    session = open_session("11_hierarchy", load_profile("scenes", SMALL))
    found = study.rank_cosines(session)
    rows, paths = session.world.embeddings("train").tower("image"), session.world.taxonomy("train")
    by_hand: dict[int, list[float]] = {depth: [] for depth in range(4)}
    for i in range(len(rows)):
        for j in range(i + 1, len(rows)):
            by_hand[int((paths[i] == paths[j]).cumprod().sum())].append(float(rows[i] @ rows[j]))
    assert found.cosine.tolist() == pytest.approx([np.mean(by_hand[depth]) for depth in range(4)], abs=1e-5)
    assert found.sd.tolist() == pytest.approx([np.std([c for part in by_hand.values() for c in part])] * 4, rel=1e-4)
