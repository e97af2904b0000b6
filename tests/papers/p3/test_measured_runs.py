"""Levels, gains and ratios of arms, against a look-up row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lib.papers.p3.measured_runs import EMBEDDINGS, KNOWN_CONCEPTS, MeasuredRuns
from lib.papers.p3.pair_dictionaries import PAIRED_ARMS
from lib.report.effects import nested, over_seeds
from tests.papers.p3.made_runs import CONTROLS, SEEDS, controls, look_up, minus, over, pairs, runs, table


def by_pair(rows: pd.DataFrame, column: str, arm: str) -> list[list[float]]:
    """For each seed the values of the pairs, in their order."""
    records = sorted(rows[rows.arm == arm].to_dict("records"), key=lambda row: row["pair"])
    return [[row[column] for row in records if row["seed"] == seed] for seed in SEEDS]


def test_what_no_pair_is_known_of_varies_with_the_seed_alone() -> None:
    given = runs()
    assert given.seeds == SEEDS
    values = look_up(given.table, "cosine", arm="GSAE")
    assert given.values("cosine", "GSAE").tolist() == values
    assert given.level("cosine", "GSAE") == over_seeds(values)
    lower = look_up(given.table, "cosine", arm="SAE-2b")
    assert given.gain("cosine", "GSAE", "SAE-2b") == over_seeds(minus(values, lower))
    assert given.ratio("cosine", "GSAE", "SAE-2b") == over_seeds(over(values, lower))
    shared = over(look_up(given.table, "both", arm="MGSAE"), look_up(given.table, "width", arm="MGSAE"))
    assert given.shared("MGSAE").tolist() == shared


@pytest.mark.parametrize("column", ["cosine", "r1", "r5", "zero_shot"])
def test_what_is_known_by_pair_varies_with_the_pairs_too(column: str) -> None:
    rows = pairs()
    given = MeasuredRuns(table(), 90, controls(), rows)
    first, second = by_pair(rows, column, "GSAE"), by_pair(rows, column, "SAE-1b")
    assert given.level(column, "GSAE") == nested(first)
    assert given.gain(column, "GSAE", "SAE-1b") == nested(np.subtract(first, second))
    assert given.gain(column, "GSAE", "SAE-1b").below > 0
    assert given.gain("fvu", "GSAE", "SAE-1b") == runs().gain("fvu", "GSAE", "SAE-1b"), "a column without pairs"


def test_levels_are_those_of_the_four_arms() -> None:
    found = runs().levels("r1", "R@1")
    assert found == {f"R@1, {arm}": over_seeds(look_up(table(), "r1", arm=arm)) for arm in PAIRED_ARMS}


def test_what_a_material_lacks() -> None:
    given = runs(zero_shot=np.nan)
    assert given.has("r1") and not given.has("zero_shot")


@pytest.mark.parametrize("control", CONTROLS)
def test_controls_are_compared_with_arms(control: str) -> None:
    rows, given = controls(), runs()
    values = look_up(rows, "r1", arm=control)
    assert given.control("r1", control).tolist() == values
    arm = look_up(table(), "r1", arm="GSAE")
    assert given.control_gain("r1", control, "GSAE") == over_seeds(minus(values, arm))
    shared = over(look_up(rows, "both", arm=control), look_up(rows, "width", arm=control))
    assert given.control_shared(control).tolist() == shared


def test_the_ceiling_is_the_better_of_embeddings_and_concepts_as_far_as_they_are_known() -> None:
    rows = controls()
    dense, known = (look_up(rows, "r1", arm=arm) for arm in (EMBEDDINGS, KNOWN_CONCEPTS))
    assert runs().ceiling("r1").tolist() == [max(pair) for pair in zip(dense, known, strict=True)]
    unknown = rows.assign(r1=rows.r1.where(rows.arm != KNOWN_CONCEPTS))
    given = MeasuredRuns(table(), 90, unknown)
    assert given.ceiling("r1").tolist() == dense
    assert given.ceiling_gain("r1", "GSAE") == over_seeds(minus(dense, look_up(table(), "r1", arm="GSAE")))
