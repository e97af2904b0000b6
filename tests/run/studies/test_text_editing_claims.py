"""Verdicts of paper 4: reproduced on tables made to show them, not on tables made to deny them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lib.run.studies import text_editing_claims as claims

SEEDS = (0, 1, 2)


def table(arms: dict[str, dict[str, float]], **about: object) -> pd.DataFrame:
    """A row for each arm and seed, columns shifted a little by the seed."""
    return pd.DataFrame(
        {"arm": arm, "seed": seed, **about, **{name: value + 0.001 * seed for name, value in columns.items()}}
        for arm, columns in arms.items()
        for seed in SEEDS
    )


def selectivity(auroc: float) -> pd.DataFrame:
    rest = {"by_latent": 0.8, "own": 0.9, "same_factor": 0.6, "untold": 0.3}
    names = (claims.MAIN, claims.TUNED, "other caption's mask", "caption's own code")
    return table({arm: {"auroc": auroc if arm == claims.MAIN else 0.5, **rest} for arm in names})


@pytest.mark.parametrize(("auroc", "verdict"), [(0.95, "reproduced"), (0.6, "not reproduced")])
def test_selectivity(auroc, verdict):
    claim = claims.claim_1(selectivity(auroc), 100)
    assert claim.verdict == verdict and claim.effect == pytest.approx(auroc + 0.001)
    assert claim.controls["AUROC, other caption's mask"] == pytest.approx(0.501)


def probes(kept: float, lost: float) -> pd.DataFrame:
    arms = ("unedited", claims.MAIN, claims.TUNED, *claims.CONTROL_ARMS)
    parts = []
    for told, value in ((True, kept), (False, lost)):
        for factor in ("kind", "colour"):
            columns = {
                arm: dict.fromkeys(("accuracy", "apart", "transferred"), value if arm == claims.MAIN else 0.9)
                for arm in arms
            }
            parts.append(table({a: c | {"majority": 0.1} for a, c in columns.items()}, told=told, factor=factor))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(
    ("kept", "lost", "verdict"),
    [(0.89, 0.2, "reproduced"), (0.89, 0.8, "partly"), (0.7, 0.2, "partly"), (0.7, 0.8, "not reproduced")],
)
def test_probes(kept, lost, verdict):
    claim = claims.claim_2(probes(kept, lost), 100)
    assert claim.verdict == verdict
    assert claim.effect == pytest.approx((0.9 - lost) / 0.8, abs=0.01)


@pytest.mark.parametrize(("wrong", "verdict"), [(0.03, "reproduced"), (0.3, "not reproduced")])
def test_contradictions(wrong, verdict):
    rows = {
        arm: {"wrong": wrong if arm == claims.MAIN else 0.02, "right": 0.5, "by_chance": 0.02, "mask": 0.9}
        for arm in ("unedited", claims.MAIN, claims.TUNED)
    }
    both = pd.concat([table(rows, factor=name, pictures=n) for name, n in (("kind", 300), ("colour", 100))])
    claim = claims.claim_3(both)
    assert claim.verdict == verdict and claim.n == 400
    assert claim.effect == pytest.approx(wrong - 0.02)


def test_contradictions_weigh_factors_by_pictures():
    parts = [table({claims.MAIN: {"wrong": wrong}}, factor=str(n), pictures=n) for wrong, n in ((0.0, 300), (0.4, 100))]
    mean = claims.contradiction_means(pd.concat(parts), claims.MAIN, "wrong")
    np.testing.assert_allclose(mean, 0.1 + 0.001 * np.arange(3))


@pytest.mark.parametrize(
    ("rmg", "l2m", "verdict"), [(0.2, 0.1, "reproduced"), (0.45, 0.3, "partly"), (0.9, 0.9, "not reproduced")]
)
def test_gap(rmg, l2m, verdict):
    base = {"matched": 0.3, "wrong_pairs": 0.1, "rmg": 0.5, "l2m": 0.5}
    arms = {arm: dict(base) for arm in ("unedited", claims.TUNED, *claims.CONTROL_ARMS)}
    arms["all latents kept"] |= {"rmg": 0.4, "l2m": 0.4}
    arms[claims.MAIN] = {"matched": 0.5, "wrong_pairs": 0.1, "rmg": rmg, "l2m": l2m}
    claim = claims.claim_4(table(arms), 100)
    assert claim.verdict == verdict and claim.effect == pytest.approx(rmg - 0.4)


@pytest.mark.parametrize(("peak", "verdict"), [(12.0, "reproduced"), (3.5, "not reproduced")])
def test_the_hump(peak, verdict):
    gain = {1: 0.0, 4: peak, 12: 3.0}
    parts = []
    for told, value in gain.items():
        arms = {
            arm: dict.fromkeys(("i2t", "t2i", "true_i2t", "true_t2i"), 40.0 + add)
            for arm, add in (("unedited", 0.0), (claims.MAIN, value), ("text only", 1.0))
        }
        parts.append(table(arms, told=told))
    dial = pd.concat(parts, ignore_index=True)
    claim = claims.claim_6(dial, 100)
    assert claim.verdict == verdict and claim.effect == pytest.approx(peak - 3)
    assert claim.controls["gain, 4 facts"] == pytest.approx(peak)
    assert claim.controls["largest gain of the text head alone"] == pytest.approx(1)


def gains(arms: dict[str, float]) -> pd.DataFrame:
    parts = [
        table({arm: {"gain": gain, "low": gain - 1, "high": gain + 1}}, captions=captions, direction=direction)
        for arm, gain in arms.items()
        for captions in ("short", "long", "both")
        for direction in ("i2t", "t2i")
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(
    ("plain", "text", "verdict"), [(9.0, 4.0, "reproduced"), (9.0, -2.0, "partly"), (0.5, -2.0, "not reproduced")]
)
def test_retrieval(plain, text, verdict):
    against_plain = gains({claims.MAIN: 2.0, claims.TUNED: plain, "text only": 5.0})
    claim = claims.claim_5(against_plain, gains({claims.MAIN: -3.0, claims.TUNED: text}), ["short", "long"], 100)
    assert claim.verdict == verdict and claim.effect == pytest.approx(plain, abs=0.01)


@pytest.mark.parametrize(
    ("masker", "tuned", "verdict"), [(60, 80, "reproduced"), (60, 70, "partly"), (40, 70, "not reproduced")]
)
def test_ablations(masker, tuned, verdict):
    names = (
        *("unedited", "all latents kept", "leaky training", "dimension mask", "text only", "latent query"),
        *("constant mask", "residual kept", "sparse mask", "K 4", "K 8", claims.MAIN, claims.TUNED),
    )
    special = {"text only": 75.0, claims.MAIN: float(masker), claims.TUNED: float(tuned)}
    arms = {arm: dict.fromkeys(("i2t R@1", "t2i R@1"), special.get(arm, 50.0)) for arm in names}
    both = pd.concat([table(arms, captions=captions) for captions in ("short", "long")], ignore_index=True)
    claim = claims.claim_8(both, ["short", "long"], 100)
    assert claim.verdict == verdict and claim.effect == pytest.approx(masker - 50.0)
