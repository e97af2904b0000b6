"""The studies of shared dictionaries on controlled vectors too small to mean anything."""

from __future__ import annotations

import numpy as np
import pytest

from lib.data.pairs import Facts, Pairs
from lib.run.studies import split
from lib.run.studies.split import ARMS, MORE_ARMS, Setting, controlled_material, fact_judge, fit_all
from lib.run.studies.split_causes import cost_table
from lib.run.studies.split_measures import dense_reference, measure_all, stability_table
from lib.run.studies.split_probe import biased_rows
from lib.run.studies.split_steering import common_facts
from lib.run.studies.split_worlds import score_curves


@pytest.fixture
def material(monkeypatch, cache):
    monkeypatch.setattr(split, "CONTROLLED_PAIRS", (300, 120))
    return controlled_material(0.85, 0, Setting(width=32, k=4, steps=4, batch=50))


def test_every_arm_has_every_measure(material):
    fitted = fit_all(material, ARMS | MORE_ARMS, [0, 1])
    table = measure_all(material, fitted)
    assert list(dict.fromkeys(table.arm)) == [*ARMS, *MORE_ARMS] and len(table) == 20
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
