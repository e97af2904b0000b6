"""The studies of shared dictionaries on controlled vectors too small to mean anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lib.data.pairs import Facts, Pairs
from lib.metrics.code_overlap import frequent
from lib.run.profiles import load_profile
from lib.run.start import open_session
from lib.run.studies import split, split_coco
from lib.run.studies.split import ARMS, MORE_ARMS, Setting, controlled_material, fact_judge, fit_all
from lib.run.studies.split_causes import STRONGER, cost_table, world_weight_table
from lib.run.studies.split_common import DENSE, PARTS, common_table
from lib.run.studies.split_measures import decoder, dense_reference, measure_all, stability_table
from lib.run.studies.split_probe import biased_rows
from lib.run.studies.split_steering import common_facts
from lib.run.studies.split_worlds import score_curves
from lib.sae.gsae import group_weight


@pytest.fixture
def material(monkeypatch, cache):
    monkeypatch.setattr(split, "CONTROLLED_PAIRS", (300, 120))
    return controlled_material(0.85, 0, Setting(width=32, k=4, steps=4, batch=50))


def test_every_arm_has_every_measure(material):
    fitted = fit_all(material, ARMS | MORE_ARMS, [0, 1])
    table = measure_all(material, fitted)
    assert list(dict.fromkeys(table.arm)) == [*ARMS, *MORE_ARMS] and len(table) == 22
    assert table.drop(columns="arm").notna().all().all()
    assert (table.first_only + table.second_only + table.both + table.dead == table.width).all()
    assert (table[table.arm == "two, matched"].width == 16).all()
    assert table[table.arm.isin(ARMS)].l0.between(2, 4).all()
    assert stability_table(fitted).stability.between(-1, 1).all()
    assert len(score_curves(material, fitted[:4])) == 2 * 32
    assert set(dense_reference(material)) == {"r1", "r5", "mrr", "zero_shot"}


def test_the_two_baselines_differ_in_the_bias_alone(material):
    one, two = fit_all(material, {name: ARMS[name] for name in ("SAE-1b", "SAE-2b")}, [0])
    biases = [[view.b_dec.detach().numpy() for view in run.views.values()] for run in (one, two)]
    assert np.array_equal(*biases[0]) and not np.array_equal(*biases[1])


def test_vl_sae_has_one_encoder_and_a_decoder_for_each_modality(material):
    (one,) = fit_all(material, {"VL-SAE": MORE_ARMS["VL-SAE"]}, [0])
    image, text = one.views.values()
    assert image is text and decoder(one).shape == (32, material.train.image.shape[1])
    parts = [image.reconstruct(one.codes[tower], tower) for tower in ("image", "text")]
    residuals = [((x - y) ** 2).sum() for x, y in zip((material.test.image, material.test.text), parts, strict=True)]
    spreads = [((x - x.mean(axis=0)) ** 2).sum() for x in (material.test.image, material.test.text)]
    expected = np.mean(np.divide(residuals, spreads))
    assert measure_all(material, [one]).fvu[0] == pytest.approx(expected, rel=1e-4)


def test_the_common_part_is_all_that_strangers_share(material):
    """Every row gets a strong latent 0: pairs and strangers look alike until it is taken out."""
    (one,) = fit_all(material, {"SAE-2b": ARMS["SAE-2b"]}, [0])
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
    often = frequent(*loud.values())
    rare = np.where(often, 0, loud["image"].dense()), np.where(often, 0, loud["text"].dense())
    norms = np.linalg.norm(rare[0], axis=1) * np.linalg.norm(rare[1], axis=1)
    cosines = np.divide((rare[0] * rare[1]).sum(axis=1), norms, out=np.zeros(len(norms)), where=norms > 0)
    assert table.loc["rare", "cosine"] == pytest.approx(cosines.mean())


def test_the_common_part_of_embeddings_is_their_mean(material):
    (one,) = fit_all(material, {"SAE-2b": ARMS["SAE-2b"]}, [0])
    table = common_table(material, [one])
    assert table.part.tolist() == [*PARTS, "all", "centred"]
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
    table = measure_all(material, fit_all(material, ARMS, session.seeds))
    sweep = world_weight_table(session, material, table)
    assert sweep.groupby("factor").seed.apply(list).to_dict() == {f: [0, 1] for f in (0.0, 1.0, *STRONGER)}
    assert sweep.cosine[sweep.factor == 1].tolist() == table.cosine[table.arm == "GSAE"].tolist()


def test_runs_beside_the_printed_figures(material):
    table = measure_all(material, fit_all(material, split_coco.ARMS, [0, 1]))
    beside = split_coco.beside_printed(table)
    assert len(beside) == 5 * len(split_coco.MEASURES)
    row = beside[(beside.arm == "GSAE .1") & (beside.measure == "cosine")].iloc[0]
    own = table.cosine[table.arm == "GSAE .1"]
    assert row["mean"] == pytest.approx(own.mean()) and row.sd == pytest.approx(own.std()) and row.printed == 0.141
    text = split_coco.as_text(beside)
    assert text.measure.tolist() == list(split_coco.MEASURES)
    assert text["GSAE .1"][4] == f"{own.mean():.3f} ± {own.std():.3f} (0.141)"


def test_penalties_of_the_printed_figures():
    for name, penalty in {"GSAE .05": 0.05, "GSAE .1": 0.1, "MGSAE .05": 0.05}.items():
        assert split_coco.ARMS[name].grouped * group_weight(16) == pytest.approx(penalty)


@pytest.mark.data
def test_each_seed_cuts_all_real_pairs_anew(data_root):
    session = open_session("31_group_sparsity", load_profile("clip-arrays"))
    first, second = (split_coco.cut(session, seed) for seed in (0, 1))
    for material in (first, second):
        assert len(material.test) == 100 and len({*material.train.ids, *material.test.ids}) == 500
    assert set(first.test.ids) != set(second.test.ids)
    assert first.train.identity != first.test.identity != second.test.identity


def test_other_worlds_have_no_printed_figures():
    assert split_coco.runs(open_session("31_group_sparsity", load_profile("scenes"))) is None


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
