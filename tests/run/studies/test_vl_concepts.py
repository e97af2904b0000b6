"""The studies of paper 2 on a small world, each against its definition; the judges of pairs; the cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.metrics.fidelity import fvu
from lib.run.profiles import load_profile
from lib.run.start import Session, open_session
from lib.run.studies import vl_cards, vl_concepts
from lib.run.studies.split import Setting
from lib.run.studies.vl_concepts import ABLATIONS, BASELINES, CENTRED, LESS_DATA, MAIN, SHUFFLED, SWEEP, FittedPair

ARMS = (*MAIN, CENTRED, *BASELINES, SHUFFLED, LESS_DATA)
SMALL = ["splits.train=300", "splits.dev=100", "splits.test=200", "seeds=[0]"]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name, value in {"STEPS": 20, "WIDTH": 64, "K": 8, "TOP": 3}.items():
            patch.setattr(vl_concepts, name, value)
        yield open_session("20_concepts", load_profile("scenes", SMALL))


@pytest.fixture(scope="module")
def fitted(session: Session) -> list[FittedPair]:
    return vl_concepts.fit_all(session, ARMS)


def test_arms_differ_in_what_their_names_say(session: Session, fitted: list[FittedPair]) -> None:
    by_name = {f.arm.name: f for f in fitted}
    assert len(by_name) == len(ARMS)
    train = session.world.embeddings("train")
    runs = {arm.name: vl_concepts.training_run(session, arm, 0) for arm in ARMS}
    both = runs["VL-SAE"].embeddings.tower("image")
    assert both.shape == (300, 256)
    np.testing.assert_array_equal(both, np.hstack([train.tower("image"), train.tower("text")]))
    mixed = runs["VL-SAE shuffled"].embeddings.tower("image")
    np.testing.assert_array_equal(mixed[:, :128], both[:, :128])
    assert not np.array_equal(mixed[:, 128:], both[:, 128:])
    np.testing.assert_array_equal(np.sort(mixed[:, 128:], axis=0), np.sort(both[:, 128:], axis=0))
    np.testing.assert_array_equal(runs["VL-SAE on 10%"].embeddings.tower("image"), both[:30])
    active = [vl_concepts.training_run(session, arm, 0).config.sae.k for arm in (*SWEEP, ABLATIONS[-1])]
    assert active == [2, 2, 2, 64]
    middle = runs["SAE-S centred"].embeddings.tower("image").mean(axis=0)
    np.testing.assert_allclose(middle, 0, atol=1e-6)


def test_tables_agree_with_their_definitions(session: Session, fitted: list[FittedPair]) -> None:
    codes = vl_concepts.code_table(fitted)
    assert list(codes.arm) == [f.arm.name for f in fitted]
    f = next(f for f in fitted if f.arm.name == "VL-SAE")
    row = codes[codes.arm == "VL-SAE"].iloc[0]
    image, text = f.test
    data = f.embeddings("test")
    assert row.fvu_text == pytest.approx(fvu(data.tower("text"), f.sae.reconstruct(text, "text")))
    assert row.dead_image == pytest.approx(1 - (image.csr().toarray() > 0).any(axis=0).mean())
    common = (image.csr().toarray() > 0) & (text.csr().toarray() > 0)
    assert row.shared == pytest.approx((common.sum(axis=1) / (image.csr().toarray() > 0).sum(axis=1)).mean())
    assert codes[codes.arm.isin(["untrained", "k-means"])][["fvu_image", "fvu_text"]].isna().all(axis=None)

    scores = vl_concepts.alignment_table(session, fitted)
    assert list(scores.judge.unique()) == ["truth", "network", "source"]
    assert len(scores) == 3 * len(fitted)
    np.testing.assert_allclose(scores.gap, scores.intra - scores.inter, atol=1e-9)


def test_a_caption_that_repeats_enters_once(fitted: list[FittedPair], session: Session) -> None:
    f = fitted[-1]
    texts = session.world.embeddings("test").tower("text")
    once, all_of_them = f.top(unique=True)[1], f.top(unique=False)[1]
    for latent in range(64):
        rows = once.rows[latent, : once.counts[latent]]
        assert len(np.unique(texts[rows], axis=0)) == len(rows)
    assert (once.counts <= all_of_them.counts).all()


def test_a_profile_may_name_the_sizes() -> None:
    paper = open_session("20_concepts", load_profile("paper-2", ["device=cpu"]))
    assert vl_concepts.setting(paper) == Setting(4096, 256, 45000, 512)


def test_the_rate_table_is_measured_on_dev(session: Session) -> None:
    table = vl_concepts.rate_table(session)
    assert list(table.columns) == ["rate", "tower", "fvu"] and len(table) == 4
    assert (table.fvu > 0).all()


def test_cards_show_the_best_and_the_worst_latent(session: Session, fitted: list[FittedPair]) -> None:
    f = next(f for f in fitted if f.arm.name == "k-means")
    cards = vl_cards.card_table(session, f)
    assert list(cards.concept.unique()) == ["shared", "failing"]
    best, worst = (cards[cards.concept == name].agreement.iloc[0] for name in ("shared", "failing"))
    assert best > worst
    assert len(vl_cards.card_captions(session, cards)) == len(cards)
    assert vl_cards.card_figure(session, cards) is not None


def test_facts_of_shared_latents_are_counted(session: Session, fitted: list[FittedPair]) -> None:
    table = vl_cards.pair_facts(session, fitted[:3])
    assert list(table.latents[:3]) == ["shared", "picture only", "caption only"]
    counted = table.dropna()
    assert counted[["true", "said"]].map(lambda share: 0 <= share <= 1).all(axis=None)


def test_judges_of_pairs(session: Session) -> None:
    judges = session.world.pair_judges("test")
    truth, network, source = judges.values()
    assert len(truth) == len(network) == len(source) == 200
    np.testing.assert_array_equal(network.tower("image"), network.tower("text"))
    np.testing.assert_array_equal(source.tower("text"), session.world.embeddings("test").tower("text"))
    own = (truth.tower("image") * truth.tower("text")).sum(axis=1).mean()
    others = (truth.tower("image") * np.roll(truth.tower("text"), 1, axis=0)).sum(axis=1).mean()
    assert own > others + 0.1


@pytest.mark.data
def test_a_world_of_vectors_has_judges_and_no_cards(cache: Path, data_root: Path) -> None:
    session = open_session("20_concepts", load_profile("clip-arrays"))
    captions, source = session.world.pair_judges("train").values()
    np.testing.assert_array_equal(captions.tower("image"), source.tower("text"))
    nothing = pd.DataFrame({"concept": [], "picture": [], "caption": []})
    assert vl_cards.card_figure(session, nothing) is None
    assert vl_cards.card_captions(session, nothing) == []
    assert len(vl_cards.pair_facts(session, [])) == 0
