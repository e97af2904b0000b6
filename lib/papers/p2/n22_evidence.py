"""Paper 2, notebook 22: the evidence for C14 to C16, decoding by shared concepts.

All rules answer the same questions about the same scenes, so the units that are drawn are scenes, not questions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.report.effects import nested, over_items
from lib.report.evidence import Evidence
from lib.report.seeds import seeds_of

ADDITIVE, CONVEX = "concepts, additive", "concepts, convex"
ORACLE, ANOTHER = "oracle", "another scene's oracle"
"""The edits that move words to the true list of the picture's objects, and to that of another picture."""


def c14(answered: pd.DataFrame) -> Evidence:
    """Concepts against sampling. answered: of `answers`."""
    rules = (ADDITIVE, CONVEX, "regular", "cut only", "greedy", ORACLE)
    right = {rule: accuracy_by_scene(answered, rule) for rule in rules}
    return Evidence(
        "p2.C14",
        {
            "additive rule": nested(right[ADDITIVE] - right["regular"]),
            "convex rule": nested(right[CONVEX] - right["regular"]),
        },
        seeds_of(answered),
        questions_in(answered),
        positive=over_items((right[ORACLE] - right["regular"])[0]),
        negative=over_items((right["cut only"] - right["regular"])[0]),
        context={f"accuracy, {rule}": nested(values) for rule, values in right.items()},
    )


def c15(answered: pd.DataFrame) -> Evidence:
    """Concepts against the cut alone. answered: of `answers`."""
    rules = (ADDITIVE, CONVEX, "cut only", "greedy", ORACLE, ANOTHER)
    right = {rule: accuracy_by_scene(answered, rule) for rule in rules}
    cut = right.pop("cut only")
    return Evidence(
        "p2.C15",
        {"beyond the cut": nested(right[ADDITIVE] - cut)},
        seeds_of(answered),
        questions_in(answered),
        positive=over_items((right[ORACLE] - cut)[0]),
        negative=over_items((right[ANOTHER] - cut)[0]),
        context={f"{rule} minus the cut only": nested(right[rule] - cut) for rule in (CONVEX, "greedy")},
    )


def c16(listed: pd.DataFrame) -> Evidence:
    """Absent objects in lists. listed: of `count_listed_objects`."""
    absent = {
        rule: ratio_by_unit(listed[listed.rule == rule], "picture", "wrong", "said")
        for rule in ("regular", "cut only", ADDITIVE, ORACLE)
    }
    return Evidence(
        "p2.C16",
        {
            "than sampling": nested(absent["regular"] - absent[ADDITIVE]),
            "than the cut alone": nested(absent["cut only"] - absent[ADDITIVE]),
        },
        seeds_of(listed),
        listed.picture.nunique(),
        positive=nested(absent["regular"] - absent[ORACLE]),
        negative=nested(absent["regular"] - absent["cut only"]),
        context={f"CHAIR_I, {rule}": nested(values) for rule, values in absent.items()},
    )


def questions_in(answered: pd.DataFrame) -> int:
    """How many questions every rule was asked with every seed."""
    return len(answered) // len(answered[["rule", "seed"]].drop_duplicates())


def accuracy_by_scene(answered: pd.DataFrame, rule: str) -> np.ndarray:
    """(seeds, scenes): values whose mean is the expected accuracy over all questions, by `ratio_by_unit`."""
    mine = answered[answered.rule == rule]
    chance = mine.chance.clip(0, 1)
    return ratio_by_unit(mine.assign(right=chance.where(mine.yes, 1 - chance), asked=1.0), "scene", "right", "asked")


def ratio_by_unit(table: pd.DataFrame, unit: str, part: str, whole: str) -> np.ndarray:
    """(seeds, units): values whose mean is sum(part) / sum(whole), and whose scatter over units is that of the ratio.

    unit: column of what was drawn independently, such as scenes, each of which has several rows or counts of its own
    size. Taylor's linearisation of a ratio (Cochran, Sampling Techniques, 1977, chapter 6).
    """
    sums = table.pivot_table(index="seed", columns=unit, values=[part, whole], aggfunc="sum")
    parts, wholes = (sums[column].to_numpy(np.float64) for column in (part, whole))
    ratio = parts.sum(axis=1, keepdims=True) / wholes.sum(axis=1, keepdims=True)
    return ratio + (parts - ratio * wholes) / wholes.mean(axis=1, keepdims=True)
