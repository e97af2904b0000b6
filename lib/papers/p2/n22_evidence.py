"""Paper 2, notebook 22: the evidence for C14 to C16, decoding by shared concepts.

All rules answer the same questions about the same scenes, so that what is drawn are scenes, not questions. Judged are
the edits of each word, on scenes that lack an expected partner; the paper's form, one shift of all words, stands beside
them in the context, and so do the scenes without pairs.
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

OTHER_PICTURE = "another picture's concepts"
"""The additive rule with the concepts of another picture."""

EACH_WORD = ", each word"
"""How the name of a rule ends whose edit shifts each word by itself."""


def c14(answered: pd.DataFrame, plain: pd.DataFrame) -> Evidence:
    """Concepts against sampling. answered: of `answer_partners`; plain: of `answer_questions`, for the context."""
    rules = (ADDITIVE + EACH_WORD, CONVEX + EACH_WORD, "regular", "cut only", "greedy", ADDITIVE, ORACLE + EACH_WORD)
    right = {rule: accuracy_by_scene(answered, rule) for rule in rules}
    on_plain = {rule: accuracy_by_scene(plain, rule) for rule in (ADDITIVE, ORACLE, "cut only", "regular")}
    sampled = on_plain.pop("regular")
    return Evidence(
        "p2.C14",
        {
            "additive rule": nested(right[ADDITIVE + EACH_WORD] - right["regular"]),
            "convex rule": nested(right[CONVEX + EACH_WORD] - right["regular"]),
        },
        seeds_of(answered),
        questions_in(answered),
        positive=over_items((right[ORACLE + EACH_WORD] - right["regular"])[0]),
        negative=over_items((right["cut only"] - right["regular"])[0]),
        context={f"accuracy, {rule}": nested(values) for rule, values in right.items()}
        | {f"{rule} minus regular, scenes without pairs": nested(mine - sampled) for rule, mine in on_plain.items()},
    )


def c15(answered: pd.DataFrame, plain: pd.DataFrame) -> Evidence:
    """Concepts against the cut alone. answered: of `answer_partners`; plain: of `answer_questions`, for the context."""
    rules = (CONVEX + EACH_WORD, ANOTHER + EACH_WORD, "greedy", ADDITIVE, ORACLE)
    each, cut = ADDITIVE + EACH_WORD, accuracy_by_scene(answered, "cut only")
    right = {rule: accuracy_by_scene(answered, rule) - cut for rule in rules}
    plain_cut = accuracy_by_scene(plain, "cut only")
    on_plain = {rule: accuracy_by_scene(plain, rule) - plain_cut for rule in (ADDITIVE, ORACLE)}
    return Evidence(
        "p2.C15",
        {"beyond the cut": nested(accuracy_by_scene(answered, each) - cut)},
        seeds_of(answered),
        questions_in(answered),
        positive=over_items((accuracy_by_scene(answered, ORACLE + EACH_WORD) - cut)[0]),
        negative=nested(accuracy_by_scene(answered, OTHER_PICTURE + EACH_WORD) - cut),
        context={f"{rule} minus the cut only": nested(values) for rule, values in right.items()}
        | {f"{rule} minus the cut only, scenes without pairs": nested(values) for rule, values in on_plain.items()},
    )


def c16(listed: pd.DataFrame) -> Evidence:
    """Absent objects in lists. listed: of `count_listed_objects`."""
    each, other = ADDITIVE + EACH_WORD, OTHER_PICTURE + EACH_WORD
    absent = {
        rule: ratio_by_unit(listed[listed.rule == rule], "picture", "wrong", "said")
        for rule in ("regular", "cut only", "greedy", ADDITIVE, each, other, ORACLE + EACH_WORD)
    }
    return Evidence(
        "p2.C16",
        {
            "than sampling": nested(absent["regular"] - absent[each]),
            "than the cut alone": nested(absent["cut only"] - absent[each]),
        },
        seeds_of(listed),
        listed.picture.nunique(),
        positive=nested(absent["regular"] - absent[ORACLE + EACH_WORD]),
        negative=nested(absent["regular"] - absent["cut only"]),
        context={f"CHAIR_I, {rule}": nested(values) for rule, values in absent.items()}
        | {f"{OTHER_PICTURE} minus concepts, additive": nested(absent[other] - absent[each])},
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
