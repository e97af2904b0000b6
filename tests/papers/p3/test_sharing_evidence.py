"""Every part and control of C2, C3, C5, C6 and C9 against a look-up row by row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from lib.papers.p3.measured_runs import MeasuredRuns
from lib.papers.p3.pair_dictionaries import PAIRED_ARMS
from lib.papers.p3.sharing_evidence import c2, c3, c5, c6, c9
from lib.report.effects import Effect, nested, over_seeds
from lib.report.evidence import Evidence, judge
from tests.papers.p3.made_runs import SEEDS, WIDTH, controls, look_up, minus, over, runs, table

CLAIMS: dict[str, Callable[[MeasuredRuns], Evidence]] = {
    "p3.C2": c2,
    "p3.C3": c3,
    "p3.C5": c5,
    "p3.C6": c6,
}


def gain(column: str, arm: str, base: str) -> list[float]:
    rows = table()
    return minus(look_up(rows, column, arm=arm), look_up(rows, column, arm=base))


def shared(arm: str, base: str | None = None) -> list[float]:
    """Share of latents in use by both, minus that of another arm, or taken from all."""
    first, second = (look_up(table(), "both", arm=one) if one else [WIDTH] * 3 for one in (arm, base))
    return minus([value / WIDTH for value in first], [value / WIDTH for value in second])


def ratio(arm: str, base: str) -> list[float]:
    rows = table()
    return over(look_up(rows, "fvu", arm=arm), look_up(rows, "fvu", arm=base))


PARTS: dict[str, dict[str, list[float]]] = {
    "p3.C2": {
        "shared latents over SAE-2b": shared("GSAE", "SAE-2b"),
        "shared latents over SAE-1b": shared("GSAE", "SAE-1b"),
        "balanced share over SAE-2b": gain("balanced", "GSAE", "SAE-2b"),
        "balanced share over SAE-1b": gain("balanced", "GSAE", "SAE-1b"),
    },
    "p3.C3": {
        "shared latents over GSAE": shared("MGSAE", "GSAE"),
        "dead latents over GSAE": gain("dead", "MGSAE", "GSAE"),
    },
    "p3.C5": {
        "mean MMS, GSAE over SAE-2b": gain("mms", "GSAE", "SAE-2b"),
        "mean MMS, GSAE over SAE-1b": gain("mms", "GSAE", "SAE-1b"),
        "mean MMS, MGSAE over GSAE": gain("mms", "MGSAE", "GSAE"),
        "latents above chance, GSAE over SAE-2b": gain("mms_above", "GSAE", "SAE-2b"),
        "latents above chance, GSAE over SAE-1b": gain("mms_above", "GSAE", "SAE-1b"),
        "latents above chance, MGSAE over GSAE": gain("mms_above", "MGSAE", "GSAE"),
    },
    "p3.C6": {
        "price of the group norm": ratio("GSAE", "SAE-2b"),
        "the group norm costs": ratio("GSAE", "SAE-2b"),
        "the mask costs more": ratio("MGSAE", "GSAE"),
    },
}


@pytest.mark.parametrize(("id", "name"), [(id, name) for id, parts in PARTS.items() for name in parts])
def test_a_part_compares_the_arms_that_it_names(id: str, name: str) -> None:
    evidence = CLAIMS[id](runs())
    assert evidence.parts[name] == over_seeds(PARTS[id][name])
    assert (evidence.id, evidence.seeds, evidence.n) == (id, SEEDS, 90)


@pytest.mark.parametrize("id", PARTS)
def test_all_parts_of_the_register_are_measured(id: str) -> None:
    evidence = CLAIMS[id](runs())
    assert set(evidence.parts) == set(PARTS[id])
    assert not judge(evidence, "31_x").unmeasured


def less_plain(column: str) -> list[float]:
    """A column of SAE-2b minus its mean MMS."""
    return minus(look_up(table(), column, arm="SAE-2b"), look_up(table(), "mms", arm="SAE-2b"))


def test_controls() -> None:
    for id, arm, control in (("p3.C2", "SAE-2b", "GSAE, strangers"), ("p3.C3", "GSAE", "MGSAE, own masks")):
        evidence = CLAIMS[id](runs())
        assert evidence.positive == over_seeds([-value for value in shared(arm)])
        used = [value / WIDTH for value in look_up(controls(), "both", arm=control)]
        assert evidence.negative == over_seeds(
            minus(used, [value / WIDTH for value in look_up(table(), "both", arm=arm)])
        )
    known = look_up(controls(), "mms", arm="known concepts")
    assert c5(runs()).positive == over_seeds(minus(known, look_up(table(), "mms", arm="SAE-2b")))
    assert c5(runs()).negative == over_seeds(less_plain("mms_chance"))
    plain = look_up(table(), "fvu", arm="SAE-2b")
    assert c6(runs()).positive == over_seeds([plain[1] / plain[0], plain[2] / plain[1], plain[0] / plain[2]])
    assert c6(runs()).negative == over_seeds([1 / value for value in plain])


def test_further_numbers() -> None:
    def levels(column: str, label: str) -> dict[str, Effect]:
        return {f"{label}, {arm}": over_seeds(look_up(table(), column, arm=arm)) for arm in PAIRED_ARMS}

    used = levels("both", "latents that both use")
    strangers = over_seeds(look_up(controls(), "balanced", arm="GSAE, strangers"))
    balanced = levels("balanced", "balanced share") | {"balanced share, GSAE, strangers": strangers}
    assert c2(runs()).context == used | balanced
    assert c3(runs()).context == used | levels("dead", "dead latents")
    chance = over_seeds(look_up(table(), "mms_chance", arm="SAE-2b"))
    assert c5(runs()).context == {"chance": chance} | levels("mms", "mean MMS")
    assert c6(runs()).context == levels("fvu", "FVU")


def test_a_world_without_a_judge() -> None:
    claim = judge(c5(runs(mms=np.nan)), "31_x")
    assert claim.verdict == "not testable here" and not claim.parts
    assert claim.why == "this world has no judge that both modalities share"


CONCEPTS = ("cat", "ant", "bee", "dog")


def steering() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    columns = ("before", "after", "random", "other", "direction")
    rows = [
        {"arm": arm, "seed": seed, "concept": concept, **{column: rng.uniform() for column in columns}}
        for arm in PAIRED_ARMS
        for seed in SEEDS
        for concept in CONCEPTS
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def test_c9() -> None:
    rows = steering()

    def lift(arm: str, after: str = "after", before: str = "before") -> np.ndarray:
        """(seeds, concepts), concepts in the order of the alphabet."""
        lists = [look_up(rows, after, arm=arm, concept=one) for one in sorted(CONCEPTS)]
        starts = [look_up(rows, before, arm=arm, concept=one) for one in sorted(CONCEPTS)]
        return np.subtract(lists, starts).T

    evidence = c9(rows, 60)
    assert evidence.parts == {
        "gain over a random latent": nested(lift("GSAE", before="random")),
        "gain": nested(lift("GSAE")),
        "gain, GSAE over SAE-2b": nested(lift("GSAE") - lift("SAE-2b")),
        "gain, GSAE over SAE-1b": nested(lift("GSAE") - lift("SAE-1b")),
    }
    assert evidence.context == {f"gain, {arm}": nested(lift(arm)) for arm in PAIRED_ARMS} | {
        "gain by a random latent, GSAE": nested(lift("GSAE", after="random"))
    }
    assert evidence.positive == nested(lift("GSAE", after="direction", before="random"))
    assert evidence.negative == nested(lift("GSAE", after="other", before="random"))
    assert (evidence.seeds, evidence.n) == (SEEDS, 60)
    assert not judge(evidence, "33_x").unmeasured


@pytest.mark.parametrize(
    ("levels", "verdict"),
    [
        ({"after": 0.6, "direction": 0.8, "other": 0.2}, "reproduced"),
        ({"after": 0.6, "direction": 0.3, "other": 0.2}, "not testable here"),
        ({"after": 0.6, "direction": 0.8, "other": 0.5}, "not testable here"),
        ({"after": 0.2, "direction": 0.8, "other": 0.2}, "opposite"),
    ],
)
def test_c9_says_what_a_direction_and_another_latent_allow(levels: dict[str, float], verdict: str) -> None:
    rows = steering().assign(before=0.3, random=0.3, **levels)
    base = rows.arm != "GSAE"
    claim = judge(c9(rows.assign(after=rows.after.where(~base, 0.1)), 60), "33_x")
    assert claim.verdict == verdict


def test_c9_without_facts() -> None:
    claim = judge(c9(None, 60), "31_x")
    assert (claim.verdict, claim.why) == (
        "not testable here",
        "this world has no facts to say which rows show a concept",
    )
