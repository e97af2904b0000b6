"""Claim 7 on answers constructed to confirm and to refute it, the measures by hand, and the whole on a small world."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lib.data.scenes.swap import swaps
from lib.encoders.embeddings import Embeddings
from lib.papers.p4 import editing_pairs, n42_robustness, oracle_masks, settings
from lib.papers.p4 import swapped_facts as study
from lib.papers.p4.editors import fit_editors
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session

SMALL = ["splits.train=120", "splits.dev=5", "splits.test=40", "sae.steps=10", "sae.batch=64", "seeds=[0,1]"]
N = 200


def test_measures_by_hand() -> None:
    """Two scenes; the first is fooled by its altered caption, and both find their own pictures."""
    data = study.SwapSet(
        Embeddings(np.arange(4).astype(str), np.ones((4, 2), np.float32), None, "made", False, {}),
        np.ones((8, 2)),
        np.zeros((8, 1), int),
        np.array([[1, 0, 0, 0], [0, 1, 0, 1]], bool),
    )
    scores = np.zeros((4, 8))
    scores[:2, :2] = [[0.8, 0.1], [0.2, 0.7]]  # own
    scores[:2, 2:4] = [[0.9, 0.0], [0.0, 0.6]]  # altered
    scores[:2, 4:6] = [[0.8, 0.0], [0.0, 0.5]]  # rephrased
    scores[2:, :2] = [[0.1, 0.0], [0.0, 0.9]]  # altered pictures
    found = {name: values.tolist() for name, values in study.attack_measures(data, scores).items()}
    assert found["clean"] == [100, 100] and found["attacked"] == [0, 100] and found["false"] == [100, 0]
    assert found["prefers"] == [0, 100] and found["true"] == [0, 100]
    assert found["rephrased false"] == [50, 0] and found["rephrased prefers"] == [50, 100]
    assert found["image clean"] == [100, 100] and found["image false"] == [0, 100]
    assert found["image prefers"] == [100, 0] and found["larger false"] == [0, 0]


def test_the_whole_on_a_small_world(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editing_pairs, "TRAINING_SCENES", 120)
    monkeypatch.setattr(n42_robustness, "SHORTLISTS", (10, 40))
    session = open_session("42_robustness", load_profile("scenes", SMALL))
    arms = {arm: replace(settings.MASKER_ARMS[arm], steps=3, batch=32) for arm in study.TRAINED_ARMS}
    editors = fit_editors(session, arms)
    oracles = {e.seed: oracle_masks.oracle_of(session, e.sae) for e in editors}
    table = study.swap_table(study.measure_attacks(session, editors, oracles, 20, [settings.HALF_TOLD]))
    columns = n42_robustness.SHOWN_COLUMNS
    assert set(columns) <= set(table.columns) and table.arm.nunique() == 11 and len(table) == 22
    rates = table.drop(columns=["arm", "drop", "larger_drop", "image_drop", "queries"])
    assert ((rates >= 0) & (rates <= 100)).all().all()
    data = study.swap_set(session, 20, settings.HALF_TOLD)
    captions = n42_robustness.caption_table(swaps("test", 20, settings.HALF_TOLD), 4)
    assert captions.columns.tolist() == ["scene", "factor", "own", "altered"]
    assert data.holds[:, : len(data)].diagonal().all() and not data.holds[:, len(data) :].diagonal().any()
    shortlists = n42_robustness.shortlist_table(session, editors, 6)
    assert len(shortlists) == 8 and (shortlists[shortlists.shortlist == 40].recall == 1).all()
    assert study.by_arm(table, "false").keys() == set(table.arm)


def test_the_attack_on_known_atoms(cache: Path) -> None:
    """Own captions are true of their pictures and false of the altered ones, of which the altered captions are true."""
    session = open_session("40_controlled_captions", load_profile("atoms", ["splits.test=60"]))
    data = study.swap_set(session, 20, 6)
    own, altered, rephrased, others = data.asserted.reshape(4, 20, 12)
    assert data.holds[:, :20].diagonal().all() and not data.holds[:, 20:].diagonal().any()
    assert ((own != altered).sum(axis=1) == 1).all() and (own == rephrased).all() and (own != others).any()
    cosines = data.image @ data.text.T
    assert cosines[:20, :20].diagonal().mean() > cosines[:20, 20:40].diagonal().mean()
    assert cosines[20:, 20:40].diagonal().mean() > cosines[20:, :20].diagonal().mean()
    apart = np.linalg.norm(data.text[:20] - data.text[40:60], axis=1)
    assert apart.min() > 0 and apart.max() < 0.6
