"""Notebook 40 on a small world of known atoms: tables of the right rows, and the one change that each switch makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lib.base.files import digest
from lib.data.scenes.dial import MIXED
from lib.editing.train_masker import masker_key
from lib.papers.p4 import caption_ranks, editors, n40_atoms, oracle_masks, retrieval_evidence, settings
from lib.papers.p4.editors import fit_editors
from lib.report.evidence import judge
from lib.worlds.dialled_captions import caption_pictures
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

SMALL = ["splits.train=300", "splits.dev=60", "splits.test=80", "sae.steps=20", "sae.batch=64", "seeds=[0,1,2]"]
FEW = {arm: replace(config, steps=3, batch=32) for arm, config in settings.ATOM_ARMS.items()}


@pytest.fixture
def session(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """300 train pictures, and maskers of three steps."""
    monkeypatch.setattr(n40_atoms, "ATOM_ARMS", FEW)
    monkeypatch.setattr(settings, "ATOMS", replace(settings.ATOMS, captions=2))
    return open_session("40_controlled_captions", load_profile("atoms", SMALL))


def test_switches_change_one_thing(session: Session) -> None:
    first, *others = n40_atoms.SWITCHES
    for switch in others:
        changed = [name for name in ("dials", "recipe", "rho") if getattr(switch, name) != getattr(first, name)]
        assert changed in (["dials"], ["recipe"], ["rho"], ["dials", "recipe"]), (
            switch.name
        )  # 128 dimensions: same width
    table = n40_atoms.switch_table(session, 40, [replace(switch, arms=FEW) for switch in n40_atoms.SWITCHES[:3]])
    assert len(table) == 3 * 3 and table.seed.unique().tolist() == [0]
    plain = table[table.arm == "unedited"].set_index(["switch", "seed"])
    assert plain.fvu["the true atoms", 0] < 1e-6 < plain.fvu["as above", 0] == plain.fvu["residual dropped", 0]
    assert plain.r1.nunique() == 1  # the same pictures and captions


def test_dev_and_price_tables(session: Session) -> None:
    tried = n40_atoms.dev_table(session, replace(n40_atoms.SWITCHES[0], arms=FEW))
    assert tried.rate.tolist() == list(n40_atoms.RATES) * 2 and (tried.step >= 0).all()
    fitted = fit_editors(session, FEW)
    assert all(editor.kept.loss <= editor.checks.loss[0] for editor in fitted)
    test = caption_pictures(session, "test", 80, MIXED)
    prices = n40_atoms.price_table(session, fitted, test, 80)
    assert len(prices) == len(n40_atoms.PRICES) and prices.notna().all().all()


def test_all_is_trained_once_and_ahead(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    switches = [replace(switch, arms=FEW) for switch in (n40_atoms.SWITCHES[0], n40_atoms.SWITCHES[2], n40_atoms.EASY)]
    monkeypatch.setattr(n40_atoms, "SWITCHES", switches)
    monkeypatch.setattr(n40_atoms, "EASY", switches[-1])
    trained: list[str] = []
    train = editors._train
    monkeypatch.setattr(editors, "_train", lambda task: (trained.extend(_names(task)), train(task))[1])
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    n40_atoms.train_all(session)
    assert len(trained) == len(set(trained)) > 30
    monkeypatch.setattr(editors, "_train", None)
    fitted = fit_editors(session, FEW)
    n40_atoms.dev_table(session, switches[0])
    n40_atoms.dev_table(session, switches[-1])
    n40_atoms.switch_table(session, 40, switches)
    n40_atoms.price_table(session, fitted, caption_pictures(session, "test", 80, MIXED), 80)


def _names(task: editors._Task) -> list[str]:
    return [digest(masker_key(*one, task.pairs, task.dev)) for arm in task.arms for one in arm]


def test_short_and_long_captions_are_pools_of_the_same_pictures(session: Session) -> None:
    fitted = fit_editors(session, FEW)
    short, long = caption_ranks.main_pools(session, 50)
    assert (short.image.image == long.image.image).all() and len(short.text) == 50
    told = [(pool.asserted >= 0).sum(axis=1) for pool in (short, long)]  # type: ignore[operator]
    assert (told[0].min(), told[0].max(), told[1].min(), told[1].max()) == (2, 4, 7, 12)
    oracles = {e.seed: oracle_masks.oracle_of(session, e.sae) for e in fitted}
    measured = caption_ranks.measure_ranks(session, fitted, [short, long], oracles)
    for made in (retrieval_evidence.retrieving, retrieval_evidence.needing):
        claim = judge(made(measured, [short, long]), "40_controlled_captions")
        assert claim.positive is not None and claim.negative is not None and len(claim.headline.values) == 3  # type: ignore[union-attr]
