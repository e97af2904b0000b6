"""Claims of paper 2 on tables made to show them and to deny them."""

from __future__ import annotations

import pandas as pd
import pytest

from lib.report.claims import Claim
from lib.run.studies import vl_hallucination, vl_zero_shot
from lib.run.studies.vl_claims import NOTEBOOKS, claims
from lib.run.studies.vl_concepts import ARMS, K

INTRA = {"SAE-D": 0.1, "SAE-S": 0.3, "VL-SAE": 0.6, "VL-SAE shuffled": 0.6, "SAE-S centred": 0.5}


def tables(notebook: str, turn: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A notebook's tables in which everything is as the paper says, or the other way round (turn -1)."""
    scores, codes = [], []
    for arm in ARMS[notebook]:
        for seed in (0, 1, 2):
            good = turn * INTRA.get(arm.name, 0.2) + 0.001 * seed
            k = K // arm.sparser
            about = {"arm": arm.name, "k": k, "seed": seed}
            gap = 0.0 if arm.name == "SAE-D" else good
            scores.append(
                about | {"judge": "truth", "intra": good, "inter": -0.1 * good, "gap": gap, "auc": 0.5, "floor": 0}
            )
            codes.append(
                about
                | {"matched": good, "random": 0.0, "r10": good, "fvu_image": good, "fvu_text": good}
                | {"dead_image": -good / k, "dead_text": -good / k}
            )
    return pd.DataFrame(scores), pd.DataFrame(codes)


def every_claim(turn: float) -> list[Claim]:
    return [claim for name in NOTEBOOKS for claim in claims(name, *tables(name, turn), "truth", 2000, 1000)]


def test_tables_that_show_everything() -> None:
    found = {claim.claim: claim.verdict for claim in every_claim(1)}
    assert set(found) == {f"C{i}" for i in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13)}
    assert set(found.values()) == {"reproduced"}
    assert {claim.notebook for claim in every_claim(1)} == set(NOTEBOOKS) == set(ARMS)


def test_tables_that_deny_it() -> None:
    found = {claim.claim: claim.verdict for claim in every_claim(-1)}
    assert {found[name] for name in ("C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C12", "C13")} <= {
        "partly",
        "not reproduced",
    }
    assert found["C1"] == found["C10"] == "reproduced"


def test_numbers_are_those_of_the_largest_k() -> None:
    scores, codes = tables("23_sparsity", 1)
    scores["gap"] = scores.gap * scores.k
    c3, _ = claims("23_sparsity", scores, codes, "truth", 2000, 1000)
    assert c3.controls["K 32"] == pytest.approx(32 * 0.3)
    assert c3.controls["K 8"] == pytest.approx(8 * 0.3)
    assert c3.controls["untrained"] == pytest.approx(32 * 0.201)


def test_alpha_is_chosen_where_it_says() -> None:
    rows = [
        {"task": "kind", "seed": 0, "source": "latents", "alpha": a, "dev": dev, "test": test}
        for a, dev, test in ((0.0, 0.5, 0.6), (0.1, 0.7, 0.5), (0.2, 0.7, 0.9))
    ]
    chosen = vl_zero_shot.choices(pd.DataFrame(rows)).iloc[0]
    assert (chosen.base, chosen.fixed, chosen["on dev"], chosen["on test"]) == (0.6, 0.5, 0.5, 0.9)
    assert (chosen.alpha_dev, chosen.alpha_test) == (0.1, 0.2)


@pytest.mark.parametrize(
    ("concepts", "verdicts"),
    [(0.9, ["reproduced"] * 3), (0.8, ["reproduced", "not reproduced", "partly"]), (0.6, ["not reproduced"] * 3)],
)
def test_decoding_against_the_cut_alone(concepts: float, verdicts: list[str]) -> None:
    accuracy = {"regular": 0.7, "greedy": 0.8, "cut only": 0.8, "contrast with noise": 0.8}
    accuracy |= {"concepts, additive": concepts, "concepts, convex": concepts}
    popes = pd.DataFrame(
        {"rule": rule, "negatives": how, "seed": seed, "accuracy": value, "n": 100}
        for rule, value in accuracy.items()
        for how in ("random", "frequent", "adversarial")
        for seed in (0, 1, 2)
    )
    chairs = pd.DataFrame(
        {"rule": rule, "seed": seed, "objects": 1 - value, "low": 1 - value, "high": 1 - value}
        for rule, value in accuracy.items()
        for seed in (0, 1, 2)
    )
    answered = pd.DataFrame(
        {"rule": rule, "negatives": how, "scene": 0, "prompt": str(yes), "yes": yes, "seed": seed}
        | {"chance": value if yes else 1 - value}
        for rule, value in accuracy.items()
        for how in ("random", "frequent", "adversarial")
        for yes in (True, False)
        for seed in (0, 1, 2)
    )
    found = vl_hallucination.claims(answered, popes, chairs)
    assert [claim.verdict for claim in found] == verdicts
    assert found[0].controls["95 % low"] == pytest.approx(concepts - 0.7)
    assert found[1].controls["95 % high"] == pytest.approx(concepts - 0.8)


def test_rule_names() -> None:
    read = vl_hallucination._rule_and_seed
    assert read("concepts, additive, 2, no cut") == ("concepts, additive, no cut", 2)
    assert read("cut only") == ("cut only", None)
