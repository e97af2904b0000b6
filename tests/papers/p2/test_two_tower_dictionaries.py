"""The studies of paper 2 on a small world, each against its definition; the judges of pairs; the cards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.encoders.modality_gap import set_gap
from lib.metrics.concept_alignment import intra_inter_auc
from lib.metrics.fidelity import fvu
from lib.metrics.rows import unit_rows
from lib.papers.common.setting import Setting
from lib.papers.p2 import n20_cards, two_tower_dictionaries, two_tower_measures
from lib.papers.p2.n20_rates import rate_table
from lib.papers.p2.two_tower_dictionaries import (
    ABLATION_ARMS,
    BASELINE_ARMS,
    CENTRED_SAE_S,
    LESS_DATA,
    MAIN_ARMS,
    SHIFTED_SAE_S,
    SHUFFLED_VL_SAE,
    SPARSER_ARMS,
    VL_SAE,
    FittedTwoTower,
)
from lib.sae.models.two_towers import TOWERS
from lib.sae.training.training_rows import training_rows
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

ARMS = (*MAIN_ARMS, CENTRED_SAE_S, SHIFTED_SAE_S, *BASELINE_ARMS, SHUFFLED_VL_SAE, LESS_DATA)
GAPPED = replace(VL_SAE, gap=1.0)
SMALL = ["splits.train=300", "splits.dev=100", "splits.test=200", "seeds=[0]"]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name, value in {"DEFAULT_STEPS": 20, "DEFAULT_WIDTH": 64, "DEFAULT_K": 8}.items():
            patch.setattr(two_tower_dictionaries, name, value)
        yield open_session("20_concepts", load_profile("scenes", SMALL))


@pytest.fixture(scope="module")
def fitted(session: Session) -> list[FittedTwoTower]:
    return two_tower_dictionaries.fit_two_tower_arms(session, ARMS)


def test_arms_differ_in_what_their_names_say(session: Session, fitted: list[FittedTwoTower]) -> None:
    by_name = {f.arm.name: f for f in fitted}
    assert len(by_name) == len(ARMS)
    train = session.world.embeddings("train")
    runs = {arm.name: two_tower_dictionaries.two_tower_training(session, arm, 0) for arm in ARMS}
    rows = {name: training_rows(run.embeddings, run.tower) for name, run in runs.items()}
    both, mixed = rows["VL-SAE"], rows["VL-SAE shuffled"]
    assert both.shape == (300, 2, 128)
    np.testing.assert_array_equal(both, np.stack([train.tower("image"), train.tower("text")], axis=1))
    np.testing.assert_array_equal(mixed[:, 0], both[:, 0])
    assert not np.array_equal(mixed[:, 1], both[:, 1])
    np.testing.assert_array_equal(np.sort(mixed[:, 1], axis=0), np.sort(both[:, 1], axis=0))
    np.testing.assert_array_equal(rows["VL-SAE on 10%"], both[:30])
    active = [
        two_tower_dictionaries.two_tower_training(session, arm, 0).config.sae.k
        for arm in (*SPARSER_ARMS, ABLATION_ARMS[-1])
    ]
    assert active == [2, 2, 2, 64]
    middle = rows["SAE-S centred"].mean(axis=0)
    np.testing.assert_allclose(middle, 0, atol=1e-6)
    shift = rows["SAE-S shifted"] - both
    lengths = np.linalg.norm(both.mean(axis=0), axis=1)
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(shift[0], axis=1), lengths, rtol=1e-4)
    assert abs((shift[0] * both.mean(axis=0)).sum(axis=1)).max() < 0.5 * (lengths**2).min()
    gapped = training_rows(two_tower_dictionaries.two_tower_training(session, GAPPED, 0).embeddings, TOWERS)
    np.testing.assert_allclose(gapped[:, 0], set_gap(train, train, 1.0).tower("image"))


def test_tables_agree_with_their_definitions(session: Session, fitted: list[FittedTwoTower]) -> None:
    codes = two_tower_measures.code_table(fitted)
    assert list(codes.arm) == [f.arm.name for f in fitted]
    f = next(f for f in fitted if f.arm.name == "VL-SAE")
    row = codes[codes.arm == "VL-SAE"].iloc[0]
    image, text = f.test
    data = f.embeddings("test")
    assert row.fvu_text == pytest.approx(fvu(data.tower("text"), f.sae.reconstruct(text, "text")))
    assert row.dead_image == pytest.approx(1 - (image.csr().toarray() > 0).any(axis=0).mean())
    common = (image.csr().toarray() > 0) & (text.csr().toarray() > 0)
    assert row.shared == pytest.approx((common.sum(axis=1) / (image.csr().toarray() > 0).sum(axis=1)).mean())
    found = codes.set_index("arm").fvu_image
    assert (found[["untrained", "exemplars", "k-means"]] < 1).all(), "least-squares decoders beat the mean"

    scores = two_tower_measures.alignment_table(session, fitted)
    assert list(scores.judge.unique()) == ["truth", "network", "source"]
    assert len(scores) == 3 * len(fitted)
    np.testing.assert_allclose(scores.gap, scores.intra - scores.inter, atol=1e-9)
    top = f.top()
    full = [latent for latent in range(64) if min(top[0].counts[latent], top[1].counts[latent]) == top[0].m]
    mine = scores[(scores.arm == "VL-SAE") & (scores.judge == "truth")].iloc[0]
    assert (mine.latents, mine.coverage) == (len(full), len(full) / 64)
    truth = session.world.pair_judges("test")["truth"]
    means = np.array(
        [
            [unit_rows("judge", truth.tower(t)[one.rows[latent]]).mean(axis=0) for latent in full]
            for t, one in zip(("image", "text"), top, strict=True)
        ]
    )
    cosines = unit_rows("means", means[0]) @ unit_rows("means", means[1]).T
    assert mine.gap == pytest.approx(intra_inter_auc(cosines)[0] - intra_inter_auc(cosines)[1])
    assert 2 < len(full) < 64


def test_a_caption_that_repeats_enters_once(fitted: list[FittedTwoTower], session: Session) -> None:
    f = fitted[-1]
    texts = session.world.embeddings("test").tower("text")
    once, all_of_them = f.top(unique=True)[1], f.top(unique=False)[1]
    for latent in range(64):
        rows = once.rows[latent, : once.counts[latent]]
        assert len(np.unique(texts[rows], axis=0)) == len(rows)
    assert (once.counts <= all_of_them.counts).all()


def test_a_profile_may_name_the_sizes() -> None:
    paper = open_session("20_concepts", load_profile("paper-2", ["device=cpu"]))
    assert two_tower_dictionaries.two_tower_setting(paper) == Setting(4096, 256, 45000, 512)


def test_the_rate_table_is_measured_on_dev(session: Session) -> None:
    table = rate_table(session)
    assert list(table.columns) == ["rate", "tower", "fvu"] and len(table) == 4
    assert (table.fvu > 0).all()


def test_cards_show_the_best_and_the_worst_latent(session: Session, fitted: list[FittedTwoTower]) -> None:
    f = next(f for f in fitted if f.arm.name == "k-means")
    cards = n20_cards.card_table(session, f)
    assert list(cards.concept.unique()) == ["shared", "failing"]
    best, worst = (cards[cards.concept == name].agreement.iloc[0] for name in ("shared", "failing"))
    assert best > worst
    assert len(n20_cards.card_captions(session, cards)) == len(cards)
    assert n20_cards.card_figure(session, cards) is not None


def test_facts_of_shared_latents_are_counted(session: Session, fitted: list[FittedTwoTower]) -> None:
    table = n20_cards.pair_facts(session, fitted[:3])
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
    assert list(session.world.pair_judges("train")) == ["source's text tower", "source"]
    np.testing.assert_array_equal(captions.tower("image"), source.tower("text"))
    nothing = pd.DataFrame({"concept": [], "picture": [], "caption": []})
    assert n20_cards.card_figure(session, nothing) is None
    assert n20_cards.card_captions(session, nothing) == []
    assert len(n20_cards.pair_facts(session, [])) == 0
