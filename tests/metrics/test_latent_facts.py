"""Naming latents by the ground truth: planted facts are found, and chance is not called a find."""

from __future__ import annotations

import numpy as np
import pytest

from lib.data.scenes import scenes, truth_of
from lib.metrics.latent_facts import name_latents, naming_table
from lib.papers.common.dictionaries import lift_ladder
from lib.papers.start.n01_scenes import told_captions, true_counts
from lib.sae.codes import SparseCodes

PAIRS = scenes("test", 300)


def codes_of(columns: dict[int, np.ndarray], width: int = 6) -> SparseCodes:
    """Codes in which latent j is active where `columns[j]` says, all activations different."""
    matrix = np.zeros((len(PAIRS), width), np.float32)
    for latent, where in columns.items():
        matrix[where, latent] = 1 + np.random.default_rng(latent).random(where.sum())
    return SparseCodes.from_matrix(PAIRS.ids, matrix)


def fact(name: str) -> np.ndarray:
    return PAIRS.facts.truth[:, PAIRS.facts.names.index(name)]


def test_a_planted_fact_is_found_and_a_random_latent_has_little_lift() -> None:
    random = np.random.default_rng(9).random(len(PAIRS)) < 0.5
    named = name_latents(codes_of({1: fact("colour:red"), 3: fact("background:mint"), 4: random}), PAIRS.facts)
    assert named.latent.tolist() == [1, 3, 4]
    assert named.fact[:2] == ["colour:red", "background:mint"]
    assert (named.purity[:2] == 1).all()
    assert named.lift[0] == pytest.approx(1 - fact("colour:red").mean())
    assert named.lift[2] < 0.5


def test_latents_with_too_few_pictures_are_left_out() -> None:
    few = np.arange(len(PAIRS)) < 15
    assert len(name_latents(codes_of({0: few}), PAIRS.facts).latent) == 0


def test_the_table_counts_distinct_clear_facts() -> None:
    same = name_latents(codes_of({0: fact("colour:red"), 1: fact("colour:red")}), PAIRS.facts)
    two = name_latents(codes_of({0: fact("colour:red"), 1: fact("pattern:dotted")}), PAIRS.facts)
    table = naming_table({"arm": [same, two]})
    assert table.facts.tolist() == [1, 2] and table.latents.tolist() == [2, 2]


def test_the_ladder_shows_pictures_that_activate_the_latent() -> None:
    ladder = lift_ladder(codes_of({1: fact("colour:red"), 3: fact("background:mint")}), PAIRS.facts, pictures=4)
    assert ladder.percentile.tolist() == [p for p in (100, 75, 50, 25) for _ in range(4)]
    for _, row in ladder.iterrows():
        assert fact(row.fact)[row.picture]


def test_the_dial_and_the_truth_counts() -> None:
    captions = told_captions(2, (1, 3, 6))
    assert len(captions) == 3 and len(captions[0]) < len(captions[2])
    counts = true_counts(truth_of("test", 300), candidates=200)
    assert len(counts) == 200 and counts.min().min() >= 1 and counts.short.mean() > counts.long.mean()
    quiet = PAIRS.facts.untold(0)
    assert quiet and all(fact(name)[0] for name in quiet)
