"""The studies of shared dictionaries on controlled vectors too small to mean anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lib.data.pairs import Facts, Pairs
from lib.metrics.paired_codes import frequent_latents
from lib.papers.common.setting import Setting
from lib.papers.p3 import n30_causes, n31_coco_cuts, pair_dictionaries
from lib.papers.p3.concept_steering import common_facts
from lib.papers.p3.control_arms import sharing_controls
from lib.papers.p3.measured_runs import EMBEDDINGS, KNOWN_CONCEPTS
from lib.papers.p3.measures import (
    dense_reference,
    first_decoder,
    measure_dictionaries,
    pair_table,
    references,
    score_curves,
    stability_table,
)
from lib.papers.p3.n30_causes import cost_table, strangers_table
from lib.papers.p3.n31_common_part import COMMON_PARTS, DENSE, common_table
from lib.papers.p3.n32_weight import STRONGER, world_strangers_table, world_weight_table
from lib.papers.p3.n33_probe import biased_rows
from lib.papers.p3.pair_dictionaries import (
    BATCH_ARMS,
    MORE_PAIRED_ARMS,
    PAIRED_ARMS,
    controlled_material,
    fact_judge,
    fit_paired_arms,
)
from lib.papers.p3.world_runs import measure_runs
from lib.sae.models.gsae import group_weight
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session


@pytest.fixture
def material(monkeypatch, cache):
    monkeypatch.setattr(pair_dictionaries, "CONTROLLED_PAIRS", (300, 120))
    return controlled_material(0.85, 0, Setting(width=32, k=4, steps=4, batch=50))


def test_every_arm_has_every_measure(material):
    fitted = fit_paired_arms(material, PAIRED_ARMS | MORE_PAIRED_ARMS, [0, 1])
    table = measure_dictionaries(material, fitted)
    assert list(dict.fromkeys(table.arm)) == [*PAIRED_ARMS, *MORE_PAIRED_ARMS] and len(table) == 22
    assert table.drop(columns="arm").notna().all().all()
    assert (table.first_only + table.second_only + table.both + table.dead == table.width).all()
    assert (table[table.arm == "two, matched"].width == 16).all()
    assert table[table.arm.isin(PAIRED_ARMS)].l0.between(2, 4).all()
    assert stability_table(fitted).stability.between(-1, 1).all()
    assert len(score_curves(material, fitted[:4])) == 2 * 32
    assert set(dense_reference(material)) == {"r1", "r5", "mrr", "zero_shot"}


def test_the_two_baselines_differ_in_the_bias_alone(material):
    one, two = fit_paired_arms(material, {name: PAIRED_ARMS[name] for name in ("SAE-1b", "SAE-2b")}, [0])
    biases = [[view.b_dec.detach().numpy() for view in run.views.values()] for run in (one, two)]
    assert np.array_equal(*biases[0]) and not np.array_equal(*biases[1])


def test_pairs_have_the_means_of_the_measures(material):
    fitted = fit_paired_arms(material, {name: PAIRED_ARMS[name] for name in ("SAE-2b", "GSAE")}, [0, 1])
    table, pairs = measure_dictionaries(material, fitted), pair_table(material, fitted)
    columns = ["cosine", "r1", "r5", "zero_shot"]
    assert len(pairs) == 4 * 120 and pairs[columns].notna().all().all()
    means = pairs.groupby(["arm", "seed"])[columns].mean()
    for row in table.itertuples():
        expected = {column: getattr(row, column) for column in columns}
        assert means.loc[(row.arm, row.seed)].to_dict() == pytest.approx(expected)
    unlabelled = pair_table(replace(material, prompts=None, labels=None), fitted)
    assert unlabelled.zero_shot.isna().all() and unlabelled.cosine.equals(pairs.cosine)


def test_a_world_is_measured_pair_by_pair_and_with_its_controls(material):
    session = open_session("31_group_sparsity", load_profile("scenes", seeds=2))
    fitted = fit_paired_arms(material, PAIRED_ARMS, session.seeds)
    runs = measure_runs(session, material, fitted, sharing_controls())
    pd.testing.assert_frame_equal(runs.table, measure_dictionaries(material, fitted))
    pd.testing.assert_frame_equal(runs.pairs, pair_table(material, fitted))
    assert runs.n == 120 and set(runs.controls.arm) == {*sharing_controls(), EMBEDDINGS, KNOWN_CONCEPTS}
    for column in ("cosine", "r1", "r5", "zero_shot"):
        by_seed = replace(runs, pairs=None).gain(column, "GSAE", "SAE-1b")
        assert runs.gain(column, "GSAE", "SAE-1b").values == pytest.approx(by_seed.values)


def test_references_are_what_needs_no_dictionary(material):
    table = references(material, [3, 4]).set_index(["arm", "seed"])
    assert table.loc[EMBEDDINGS].drop(columns="mms").loc[4].to_dict() == dense_reference(material)
    known = table.loc[KNOWN_CONCEPTS].loc[3]
    assert (known.r1, known.zero_shot) == (1.0, 1.0), "both members show the same amounts"
    amounts = material.judge[0]
    unit = amounts / np.linalg.norm(amounts, axis=1, keepdims=True)
    direction = (amounts.T @ unit) / amounts.sum(axis=0)[:, None]
    assert known.mms == pytest.approx((direction**2).sum(axis=1).mean())
    blind = references(replace(material, judge=None, labels=None), [0])
    assert blind.arm.tolist() == [EMBEDDINGS] and blind.zero_shot.isna().all()


@pytest.mark.parametrize("name", BATCH_ARMS)
def test_batch_arms_spend_k_latents_a_row_whatever_threshold_was_learnt(material, name):
    run = fit_paired_arms(material, {name: BATCH_ARMS[name]}, [0])[0]
    first, second = run.pair
    assert len(first.indices) + len(second.indices) == 4 * 2 * 120
    assert measure_dictionaries(material, [run]).l0[0] == 4


def test_vl_sae_has_one_encoder_and_a_decoder_for_each_modality(material):
    (one,) = fit_paired_arms(material, {"VL-SAE": MORE_PAIRED_ARMS["VL-SAE"]}, [0])
    image, text = one.views.values()
    assert image is text and first_decoder(one).shape == (32, material.train.image.shape[1])
    parts = [image.reconstruct(one.codes[tower], tower) for tower in ("image", "text")]
    residuals = [((x - y) ** 2).sum() for x, y in zip((material.test.image, material.test.text), parts, strict=True)]
    spreads = [((x - x.mean(axis=0)) ** 2).sum() for x in (material.test.image, material.test.text)]
    expected = np.mean(np.divide(residuals, spreads))
    assert measure_dictionaries(material, [one]).fvu[0] == pytest.approx(expected, rel=1e-4)


def test_the_common_part_is_all_that_strangers_share(material):
    """Every row gets a strong latent 0: pairs and strangers look alike until it is taken out."""
    (one,) = fit_paired_arms(material, {"SAE-2b": PAIRED_ARMS["SAE-2b"]}, [0])
    loud = {}
    for tower, codes in one.codes.items():
        dense = codes.dense()
        dense[:, 0] = 100
        loud[tower] = codes.from_matrix(codes.ids, dense)
    table = common_table(material, [replace(one, codes=loud)])
    table = table[table.arm != DENSE].set_index("part")
    assert table.loc["all", ["cosine", "strangers"]].min() > 0.99 and (table.frequent >= 1).all()
    for part in ("rare", "centred"):
        assert table.loc[part, "strangers"] < table.loc[part, "cosine"] < 0.9
    often = frequent_latents(*loud.values())
    rare = np.where(often, 0, loud["image"].dense()), np.where(often, 0, loud["text"].dense())
    norms = np.linalg.norm(rare[0], axis=1) * np.linalg.norm(rare[1], axis=1)
    cosines = np.divide((rare[0] * rare[1]).sum(axis=1), norms, out=np.zeros(len(norms)), where=norms > 0)
    assert table.loc["rare", "cosine"] == pytest.approx(cosines.mean())


def test_the_common_part_of_embeddings_is_their_mean(material):
    (one,) = fit_paired_arms(material, {"SAE-2b": PAIRED_ARMS["SAE-2b"]}, [0])
    table = common_table(material, [one])
    assert table.part.tolist() == [*COMMON_PARTS, "all", "centred"]
    assert table.drop(columns=["jaccard", "frequent"]).notna().all().all()
    dense = table[table.arm == DENSE].set_index("part")
    image, text = (rows - rows.mean(axis=0) for rows in (material.test.image, material.test.text))
    cosines = (image * text).sum(axis=1) / np.linalg.norm(image, axis=1) / np.linalg.norm(text, axis=1)
    assert dense.loc["centred", "cosine"] == pytest.approx(cosines.mean(), rel=1e-4)
    reference = dense_reference(material)
    assert {name: dense.loc["all", name] for name in reference} == pytest.approx(reference)
    unlabelled = common_table(replace(material, prompts=None, labels=None), [one])
    assert unlabelled.zero_shot.isna().all() and unlabelled.r1.tolist() == table.r1.tolist()


def test_weights_on_a_world_go_on_from_its_arms(material):
    session = open_session("32_audio", load_profile("sounds", seeds=2))
    table = measure_dictionaries(material, fit_paired_arms(material, PAIRED_ARMS, session.seeds))
    sweep = world_weight_table(session, material, table)
    assert sweep.groupby("factor").seed.apply(list).to_dict() == {f: [0, 1] for f in (0.0, 1.0, *STRONGER)}
    assert sweep.cosine[sweep.factor == 1].tolist() == table.cosine[table.arm == "GSAE"].tolist()
    for last in (2.0, 4.0):
        sparse = sweep.assign(l0=np.where(sweep.factor <= last, material.setting.k, 0.1))
        strangers = world_strangers_table(session, material, sparse)
        assert strangers.factor.tolist() == [last, last] and strangers.seed.tolist() == session.seeds
        assert not set(strangers.cosine) & set(sweep.cosine)


def test_strangers_are_trained_at_the_weight_where_the_rises_end(material, monkeypatch):
    monkeypatch.setattr(n30_causes, "CONTROLLED_SETTING", material.setting)
    session = open_session("30_split_dictionaries", load_profile("scenes", seeds=2))
    shares = {0.0: 1.0, 2.0: 1.0, 4.0: 0.98, 8.0: 0.5}
    sweep = pd.DataFrame({"factor": f, "seed": s, "l0": share * 4} for f, share in shares.items() for s in (0, 1))
    table = strangers_table(session, sweep)
    assert table.factor.tolist() == [4.0, 4.0] and table.seed.tolist() == [0, 1]


def test_runs_beside_the_printed_figures(material):
    table = measure_dictionaries(material, fit_paired_arms(material, n31_coco_cuts.COCO_ARMS, [0, 1]))
    beside = n31_coco_cuts.beside_printed(table)
    assert len(beside) == 5 * len(n31_coco_cuts.PRINTED_MEASURES)
    row = beside[(beside.arm == "GSAE .1") & (beside.measure == "cosine")].iloc[0]
    own = table.cosine[table.arm == "GSAE .1"]
    assert row["mean"] == pytest.approx(own.mean()) and row.sd == pytest.approx(own.std()) and row.printed == 0.141
    text = n31_coco_cuts.printed_text(beside)
    assert text.measure.tolist() == list(n31_coco_cuts.PRINTED_MEASURES)
    assert text["GSAE .1"][4] == f"{own.mean():.3f} ± {own.std():.3f} (0.141)"


def test_penalties_of_the_printed_figures():
    for name, penalty in {"GSAE .05": 0.05, "GSAE .1": 0.1, "MGSAE .05": 0.05}.items():
        assert n31_coco_cuts.COCO_ARMS[name].group_factor * group_weight(16) == pytest.approx(penalty)


@pytest.mark.data
def test_each_seed_cuts_all_real_pairs_anew(data_root):
    session = open_session("31_group_sparsity", load_profile("clip-arrays"))
    first, second = (n31_coco_cuts.cut_pairs(session, seed) for seed in (0, 1))
    for material in (first, second):
        assert len(material.test) == 100 and len({*material.train.ids, *material.test.ids}) == 500
    assert set(first.test.ids) != set(second.test.ids)
    assert first.train.identity != first.test.identity != second.test.identity


def test_other_worlds_have_no_printed_figures():
    assert n31_coco_cuts.coco_runs(open_session("31_group_sparsity", load_profile("scenes"))) is None


def test_costs_cross_at_the_threshold():
    table = cost_table((0.5, 0.9), np.linspace(0.01, 1.4, 9))
    assert ((table.merged < table.split) == (table.weight > table.threshold)).all()


def facts() -> Facts:
    rng = np.random.default_rng(0)
    truth = rng.random((400, 4)) < 0.4
    said = np.stack([truth & (rng.random((400, 4)) < [0.9, 0.5, 0.7, 0.1])] * 2, axis=1)
    return Facts(("kind:a", "kind:b", "kind:c", "pattern:x"), truth, said)


def test_the_biased_sample_is_as_biased_as_it_says():
    given = facts()
    rows, positive = biased_rows(given, "kind:a", "pattern:x")
    assert np.array_equal(given.truth[rows, 0], positive)
    assert given.truth[rows][positive, 3].mean() == pytest.approx(0.9, abs=0.02)
    assert abs(given.truth[rows][~positive, 3].mean() - 0.4) < 0.1


def test_the_most_mentioned_facts_come_first():
    assert common_facts(facts(), "kind").tolist() == [0, 2, 1]


def test_the_fact_judge_has_one_space_for_both():
    ids = np.arange(400).astype(str)
    truth, said = fact_judge(Pairs(ids, None, None, {}, facts()))
    assert truth.shape == said.shape == (400, 4)
    np.testing.assert_allclose(truth.mean(axis=0), 0, atol=1e-12)
    assert fact_judge(Pairs(ids, None, None, {})) is None
