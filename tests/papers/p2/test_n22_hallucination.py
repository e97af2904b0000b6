"""Tables of notebook 22: the scores of lists from the counts of each picture, and the names of rules."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.metrics.hallucination import chair
from lib.papers.p2 import n22_hallucination


def test_lists_are_scored_by_rule_and_seed() -> None:
    said = {
        ("regular", 0): [["cat", "dog"], ["sun"], []],
        ("greedy", 0): [["cat"], ["sun", "sun"], ["tree"]],
        ("regular", 1): [["cat"], ["moon"], ["tree", "moon"]],
        ("greedy", 1): [["dog", "dog"], ["sun"], ["tree"]],
    }
    there = [{"cat"}, {"sun", "moon"}, {"tree"}]
    counts = [
        pd.DataFrame(vars(chair(lists, there))).assign(rule=rule, seed=seed, picture=range(3))
        for (rule, seed), lists in said.items()
    ]
    table = n22_hallucination.chair_table(pd.concat(counts, ignore_index=True))
    assert [*zip(table.rule, table.seed, strict=True)] == list(said)
    for row, lists in zip(table.itertuples(), said.values(), strict=True):
        found = chair(lists, there)
        interval = found.interval(np.random.default_rng(0))
        expected = (found.captions, found.objects, interval.low, interval.high, found.recall, found.said.mean())
        assert (row.captions, row.objects, row.low, row.high, row.recall, row.said) == expected


def test_rule_names() -> None:
    read = n22_hallucination._rule_and_seed
    assert read("concepts, additive, 2, no cut") == ("concepts, additive, no cut", 2)
    assert read("cut only") == ("cut only", None)
