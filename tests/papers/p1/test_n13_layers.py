"""The table of layers on a small world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import NotAvailable
from lib.encoders.embeddings import Embeddings
from lib.papers.p1 import n13_layers
from lib.worlds.open_world import open_world
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session

SMALL = ["splits.train=300", "splits.dev=5", "splits.test=80", "sae.steps=10", "sae.batch=128", "seeds=[0,1]"]


def test_every_block_is_read_on_a_small_world(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(n13_layers, "LAYER_STEPS", 10)
    session = open_session("13_checks", load_profile("scenes", SMALL))
    found = n13_layers.layer_table(session, "network")
    assert sorted(found.place.unique()) == [0, 1, 2, 3, 4] and set(found.arm) == set(n13_layers.LAYER_ARMS)
    assert n13_layers.layer_curves(found, "matryoshka", "live").shape == (2, 5)
    raw = n13_layers.layer_curves(found, "raw", "mean")
    np.testing.assert_array_equal(raw[0], raw[1])
    assert found[found.arm == "matryoshka"].r2.notna().all()


def test_probes_find_the_facts_that_a_block_holds() -> None:
    """Two facts are coordinates of the rows, the third is not in them."""
    random = np.random.default_rng(0)
    truth = random.random((600, 3)) < [0.3, 0.1, 0.2]
    rows = random.standard_normal((600, 8)).astype(np.float32) * 0.1
    rows[:, :2] += truth[:, :2]
    train, test = (
        Embeddings(np.arange(len(part)).astype(str), part, None, "by hand", False, {})
        for part in (rows[:400], rows[400:])
    )
    codes = n13_layers.probe_codes(train, truth[:400], test).dense()
    assert codes.shape == (200, 3) and set(np.unique(codes)) == {0, 1}
    np.testing.assert_allclose(codes.mean(axis=0), truth[:400].mean(axis=0), atol=1 / 200)
    right = [(codes[:, fact] * truth[400:, fact]).sum() / codes[:, fact].sum() for fact in range(3)]
    assert min(right[:2]) > 0.7 and right[2] < 0.4


@pytest.mark.data
def test_a_world_of_embeddings_has_no_blocks(data_root: Path) -> None:
    with pytest.raises(NotAvailable, match="no model to look into; use profile scenes"):
        open_world(load_profile("clip-arrays")).activations("test", 0)
