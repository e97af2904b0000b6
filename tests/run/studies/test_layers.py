"""Claim C8 on tables made to show it and to deny it, and the table itself on a small world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.data.errors import NotAvailable
from lib.run.profiles import load_profile
from lib.run.start import open_session
from lib.run.studies import layers
from lib.run.worlds import open_world

SMALL = ["splits.train=300", "splits.dev=5", "splits.test=80", "sae.steps=10", "sae.batch=128", "seeds=[0,1]"]


def table(rise: float, spoilt_seed: float | None = None) -> pd.DataFrame:
    rows = []
    for arm in layers.ARMS:
        for seed in (0, 1, 2):
            for place in range(5):
                step = spoilt_seed if spoilt_seed is not None and seed == 1 else rise
                rows.append(
                    {"place": place, "arm": arm, "seed": seed, "mean": 0.1 + step * place * (arm == "matryoshka")}
                )
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [(table(0.05), "reproduced"), (table(-0.05), "not reproduced"), (table(0.05, spoilt_seed=-0.01), "partly")],
)
def test_the_verdict_follows_the_rise_in_every_seed(rows: pd.DataFrame, verdict: str) -> None:
    claim = layers.claim_c8(rows, 2000)
    assert claim.verdict == verdict and claim.controls["untrained"] == pytest.approx(0)


def test_the_effect_is_last_block_minus_first_and_leaves_out_the_embedding() -> None:
    claim = layers.claim_c8(table(0.05), 2000)
    assert claim.effect == pytest.approx(0.15)
    assert claim.controls["embedding minus last block"] == pytest.approx(0.05)


def test_every_block_is_read_on_a_small_world(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "STEPS", 10)
    session = open_session("13_checks", load_profile("scenes", SMALL))
    found = layers.layer_table(session, "network")
    assert sorted(found.place.unique()) == [0, 1, 2, 3, 4] and set(found.arm) == set(layers.ARMS)
    assert layers.means(found, "matryoshka").shape == (2, 5)
    raw = layers.means(found, "raw")
    np.testing.assert_array_equal(raw[0], raw[1])
    assert found[found.arm == "matryoshka"].r2.notna().all()


@pytest.mark.data
def test_a_world_of_embeddings_has_no_blocks(data_root: Path) -> None:
    with pytest.raises(NotAvailable, match="no model to look into; use profile scenes"):
        open_world(load_profile("clip-arrays")).activations("test", 0)
