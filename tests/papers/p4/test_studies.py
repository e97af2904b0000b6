"""Paper 4's studies: their parts by hand, and notebooks 40 and 41 whole on a small world."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data.scenes.dial import MIXED
from lib.editing.masker import MaskerConfig
from lib.metrics.retrieval import rank_scores
from lib.papers.p4 import (
    caption_dial,
    caption_ranks,
    editing_pairs,
    factor_probes,
    n41_retrieval,
    oracle_masks,
    selectivity,
    settings,
)
from lib.papers.p4 import edit_evidence as evidence
from lib.papers.p4.dial_recalls import dial_recalls
from lib.papers.p4.editing_pairs import dev_pairs, masker_pairs, training_pairs
from lib.papers.p4.editors import find_editor, fit_editors, image_side
from lib.report.evidence import judge
from lib.worlds.caption_factors import factors_of
from lib.worlds.dialled_captions import Captioned, caption_pictures, contradict_captions
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

SMALL = ["splits.train=150", "splits.dev=5", "splits.test=60", "sae.steps=10", "sae.batch=64", "seeds=[0,1]"]
N = 60


@pytest.fixture
def session(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """150 train and 60 test scenes."""
    monkeypatch.setattr(editing_pairs, "TRAINING_SCENES", 150)
    return open_session("40_controlled_captions", load_profile("scenes", SMALL))


def short(arms: dict[str, MaskerConfig]) -> dict[str, MaskerConfig]:
    """The same arms, trained for three steps."""
    return {arm: replace(config, steps=3, batch=32) for arm, config in arms.items()}


def test_recalls_by_hand() -> None:
    """Picture 0 prefers caption 1, which is true of it as well; caption 1 prefers picture 0."""
    scores = np.array([[0.5, 0.6, 0.0], [0.1, 0.4, 0.0], [0.0, 0.0, 0.9]])
    holds = np.eye(3, dtype=bool)
    holds[1, 0] = True  # caption 1 is true of picture 0
    found = dial_recalls(scores, holds)
    assert found == pytest.approx({"i2t": 200 / 3, "t2i": 200 / 3, "true_i2t": 100, "true_t2i": 100})
    assert dial_recalls(scores, np.eye(3, dtype=bool))["true_t2i"] == pytest.approx(200 / 3)


def test_collapsed_scores_are_at_chance() -> None:
    found = dial_recalls(np.ones((4, 4)), np.eye(4, dtype=bool))
    assert found == pytest.approx({"i2t": 0, "t2i": 0, "true_i2t": 25, "true_t2i": 25})


def test_a_probe_reads_what_is_linear_and_guesses_the_rest() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=600)
    clear, noise = np.eye(3)[labels] + 0.1 * rng.normal(size=(600, 3)), rng.normal(size=(600, 3))
    for x, low, high in ((clear, 0.99, 1.0), (noise, 0.2, 0.47)):
        probe = factor_probes.Probes(x[:400]).fit(labels[:400], 3)
        assert low <= (probe.read(x[400:]) == labels[400:]).mean() <= high


def test_a_probe_is_ridge_regression() -> None:
    """The slow way: minimise the penalised squares by stacking the penalty as further rows."""
    rng = np.random.default_rng(1)
    x, labels = rng.normal(size=(50, 4)), rng.integers(2, size=50)
    penalty = np.sqrt(factor_probes.RIDGE * np.square(x).mean() * len(x))
    rows = np.vstack([np.column_stack([x, np.ones(50)]), np.column_stack([penalty * np.eye(4), np.zeros(4)])])
    expected = np.linalg.lstsq(rows, np.vstack([np.eye(2)[labels], np.zeros((4, 2))]), rcond=None)[0]
    np.testing.assert_allclose(factor_probes.Probes(x).fit(labels, 2).weights, expected, atol=1e-10)


def test_an_owner_may_have_several_captions() -> None:
    scores = np.array([[0.9, 0.1, 0.2, 0.0], [0.0, 0.8, 0.7, 0.6]])
    found = caption_ranks.ranks_from_scores(scores, np.array([0, 1, 0, 1]))
    assert found.image_to_text.ranks.tolist() == [1, 1] and found.text_to_image.ranks.tolist() == [1, 1, 2, 1]


def test_gains_are_paired_differences() -> None:
    ranks = [rank_scores([s], np.diag(s).copy(), np.arange(20)) for s in (np.eye(20), np.eye(20)[::-1].copy())]
    measured = [caption_ranks.MeasuredRanks("short", arm, 0, r) for arm, r in zip(("a", "b"), ranks, strict=True)]
    table = n41_retrieval.gain_table(measured, ["a"], "b")
    assert table.direction.tolist() == ["i2t", "t2i"] and (table.gain == 100).all() and (table.low == 100).all()
    assert caption_ranks.recall_table(measured)["i2t R@1"].tolist() == [100, 0]


def test_notebook_40_on_a_small_world(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    editors = fit_editors(session, short(settings.MASKER_ARMS))
    test = caption_pictures(session, "test", N, MIXED)
    assert test.image.shape == test.text.shape == (N, test.image.shape[1])
    oracles = {e.seed: oracle_masks.oracle_of(session, e.sae, 0.5) for e in editors}
    monkeypatch.setattr(selectivity, "ASSIGNED_LIFT", 2.0)
    with pytest.raises(CompanionError, match=r"no latent of seed 0 stands for a fact \(lift above 2.0\); train it"):
        selectivity.selectivity_table(session, editors, test)
    monkeypatch.setattr(selectivity, "ASSIGNED_LIFT", -9.0)
    found = {
        "selectivity": (selectivity.selectivity_table(session, editors, test), 2 * 5),
        "probes": (factor_probes.factor_probe_table(session, editors, test), 2 * 7 * 7 * 2),
        "lies": (factor_probes.contradiction_table(session, editors, 6, N), 2 * 5 * 4),
        "gap": (selectivity.edited_gap_table(session, editors, test, 20), 2 * 7),
        "dial": (caption_dial.dial_table(session, editors, oracles, (1, 3, 12), N), 2 * 7 * 3),
    }
    for name, (table, rows) in found.items():
        assert len(table) == rows and sorted(table.seed.unique()) == [0, 1], name
        assert table.drop(columns="mask", errors="ignore").notna().all().all(), name
    made = [
        evidence.selective(found["selectivity"][0], N),
        evidence.erasing(found["probes"][0], N),
        evidence.faithful(found["lies"][0], found["probes"][0]),
        evidence.aligned(found["gap"][0], N),
        evidence.humped(found["dial"][0], N),
    ]
    assert all(judge(one, "40_controlled_captions").seeds == [0, 1] for one in made)
    table = caption_dial.control_table(session, editors, oracles, N).set_index(["arm", "seed"])
    assert {"centred", "random mask", "caption's own code", "leaky score, shuffled"} <= set(table.index.levels[0])
    assert (table.loc["one picture for all", "t2i"] == 0).all()  # all pictures tie, so none comes first
    assert (table.loc["all latents kept"].index == [0, 1]).all()
    at = caption_pictures(session, "test", N, settings.HALF_TOLD)
    assert caption_dial.brute_force_difference(find_editor(editors, "masker", 0), at) < 1e-5


def test_probes_that_share_their_rows_are_those_fitted_one_by_one(session: Session) -> None:
    """The slow way edits the pictures anew for every factor, and fits every probe alone."""
    editors = fit_editors(session, short(settings.MASKER_ARMS))
    train, factors = training_pairs(session), factors_of(session)
    test = caption_pictures(session, "test", N, 6)
    lies = factor_probes.contradiction_table(session, editors, 6, N).set_index(["arm", "seed", "factor"])
    whole = factor_probes.factor_probe_table(session, editors, test).set_index(["arm", "seed", "factor", "told"])
    sae = find_editor(editors, "masker", 0).sae
    oracle, images = oracle_masks.oracle_of(session, sae), image_side

    def inputs(captions: Captioned, arm: str) -> np.ndarray:
        masks = factor_probes.own_masks(editors, 0, captions, oracle)
        side = images(find_editor(editors, "masker", 0), captions.embeddings)
        return factor_probes.probe_inputs(side, masks[arm])

    for name in factors.wrong[:2]:
        f = factors.names.index(name)
        false, _ = contradict_captions(session, test, f)
        labels, told = train.dialled.codes[:, f].astype(int), test.dialled.asserted[:, f] >= 0
        for arm in ("unedited", "masker", "masker + text"):
            probe = factor_probes.Probes(inputs(train, arm)).fit(labels, factors.values[f])
            read = probe.read(inputs(false, arm))
            assert (read == false.dialled.asserted[:, f]).mean() == lies.loc[arm, 0, name].wrong
            right = probe.read(inputs(test, arm)) == test.dialled.codes[:, f]
            plain = factor_probes.Probes(inputs(train, "unedited")).fit(labels, factors.values[f])
            carried = plain.read(inputs(test, arm)) == test.dialled.codes[:, f]
            for mentioned, here in ((True, told), (False, ~told)):
                row = whole.loc[arm, 0, name, mentioned]
                assert (row.accuracy, row.transferred) == (right[here].mean(), carried[here].mean())


def test_probes_learn_from_the_first_captions_of_maskers(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editing_pairs, "PROBE_SCENES", 40)
    some, whole = training_pairs(session), masker_pairs(session)[0]
    assert (some.image == whole.image[:40]).all() and (some.text == whole.text[:40]).all()  # type: ignore[index]
    slow = caption_pictures(session, "train", 40, MIXED)
    assert (some.dialled.asserted == slow.dialled.asserted).all() and (some.dialled.codes == slow.dialled.codes).all()
    np.testing.assert_allclose(some.text, slow.text, atol=1e-6)
    assert caption_pictures(session, "train", 40, MIXED) is slow, "embedded once"


def test_notebook_41_on_a_small_world(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(n41_retrieval, "CUT_WORDS", (4,))
    editors = fit_editors(session, short(settings.MASKER_ARMS))
    pools = caption_ranks.main_pools(session, 40)
    assert [len(pool.text) for pool in pools] == [40, 40]
    oracles = {e.seed: oracle_masks.oracle_of(session, e.sae) for e in editors}
    measured = caption_ranks.measure_ranks(session, editors, pools, oracles)
    table = caption_ranks.recall_table(measured)
    assert len(table) == 2 * 2 * (len(settings.MASKER_ARMS) + 2 + 2) and table.notna().all().all()
    gains = n41_retrieval.gain_table(measured, ["masker"], "unedited")
    assert len(gains) == 2 * 2 * 2 and ((gains.low <= gains.gain) & (gains.gain <= gains.high)).all()
    cut = n41_retrieval.cut_table(session, editors, ["masker"], 40)
    assert len(cut) == 2 * 2 * 2 and cut.words.tolist()[-1] == 0
    texts = [n41_retrieval.cut_captions(session, 40, words).tower("text") for words in (4, 1000)]
    np.testing.assert_allclose(texts[1], pools[1].text, atol=1e-5)
    assert np.abs(texts[0] - texts[1]).max() > 0.01


def test_a_world_without_a_dial(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos: single captions, all five of each picture, no long ones."""
    photos = open_session("41_retrieval", load_profile("photos", [*SMALL[:3], "seeds=[0]"]))
    single, together = caption_ranks.main_pools(photos, 40)
    assert (single.name, together.name) == ("single", "all 5") and (single.text == together.text[::5]).all()
    assert together.text.shape == (200, single.text.shape[1]) and together.owner[:6].tolist() == [0] * 5 + [1]
    learnt, looked_at = masker_pairs(photos), dev_pairs(photos)
    dev = photos.world.embeddings("dev").ids.tolist()
    assert [one.ids.tolist() for one in learnt] == [dev[:4]] * 5 and looked_at.ids.tolist() == dev[4:]
    assert (learnt[3].text == photos.world.caption_embeddings("dev")[:4, 3]).all()
    assert len({str(one.identity) for one in learnt}) == 5
    assert n41_retrieval.split_table(photos).split.tolist() == ["train", "dev", "test"]
    monkeypatch.setattr(type(photos.world), "learnt_split", "")
    fresh = masker_pairs(photos)
    train = photos.world.embeddings("train")
    assert len(fresh) == 5 and all((one.ids == train.ids).all() for one in fresh)
    assert dev_pairs(photos).ids.tolist() == dev
    assert n41_retrieval.cut_table(photos, [], ["masker"]).empty
    cosines = single.image.tower("image") @ together.text.T
    found = caption_ranks.ranks_from_scores(cosines, together.owner)
    assert len(found.image_to_text.ranks) == 40 and len(found.text_to_image.ranks) == 200
