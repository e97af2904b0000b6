"""No recipe starts with latents that its biases killed, or writes more than it reads; checked in every world.

Where a modality gap puts all rows into a cone, random directions that point away from it are silent, whatever the
recipe. What a recipe may not do is to start with more dead latents than such directions have.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lib.papers.p2 import two_tower_dictionaries
from lib.papers.p2.n20_start import SMALL_NORM, norm_table, start_table
from lib.papers.p2.two_tower_dictionaries import SAE_S, SPARSER_ARMS, VL_SAE, TwoTowerArm
from lib.sae.recipes import recipes_of
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

ARMS = (*(TwoTowerArm(recipe, recipe) for recipe in recipes_of("two-tower")), *SPARSER_ARMS)
SMALL_SCENES = ["splits.train=2000", "splits.dev=10", "splits.test=10"]


def session_of(profile: str) -> Session:
    return open_session("20_concepts", load_profile(profile, SMALL_SCENES if profile == "scenes" else []))


@pytest.mark.data
@pytest.mark.parametrize(
    ("profile", "cone"), [("scenes", False), ("photos", False), ("photos-gap", True), ("clip-arrays", True)]
)
def test_every_recipe_starts_alive_and_short(profile: str, cone: bool, cache: Path, data_root: Path) -> None:
    session = session_of(profile)
    norm = two_tower_dictionaries.NORM
    found = start_table(session, ARMS, [norm])
    assert len(found) == len(ARMS) == 10
    for k, rows in found.groupby("k"):
        directions = rows.dead[rows.signal_to_bias.isna()].max()
        assert (rows.dead < directions + 0.05).all(), (profile, k, rows)
        assert cone or (rows.dead < 0.05).all(), (profile, k, rows)
    sparse = found.arm != "distance_l1"
    assert (found.written[sparse] < 0.5).all() and (found.written < 1).all(), found
    assert (found.signal_to_bias.dropna() > 5).all()


def test_at_a_small_norm_the_biases_choose(cache: Path) -> None:
    found = start_table(session_of("scenes"), (VL_SAE, SAE_S)).set_index(["norm", "arm"])
    small, large = found.loc[SMALL_NORM], found.loc[two_tower_dictionaries.NORM]
    assert small.signal_to_bias["SAE-S"] < 1 < large.signal_to_bias["SAE-S"]
    assert small.dead["SAE-S"] > 0.3 and small.written["VL-SAE"] > 1
    ratio = two_tower_dictionaries.NORM / SMALL_NORM
    assert small.written["VL-SAE"] / large.written["VL-SAE"] == pytest.approx(ratio, rel=0.01)


def test_both_norms_are_trained_with_the_same_seeds(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DEFAULT_STEPS": 5, "DEFAULT_WIDTH": 32, "DEFAULT_K": 8}.items():
        monkeypatch.setattr(two_tower_dictionaries, name, value)
    overrides = ["splits.train=200", "splits.dev=10", "splits.test=200", "seeds=[3,5,7]"]
    found = norm_table(open_session("20_concepts", load_profile("scenes", overrides)))
    assert [tuple(row) for row in found[["norm", "arm", "seed"]].to_numpy()] == [
        (norm, arm, seed) for norm in (SMALL_NORM, 10.0) for arm in ("VL-SAE", "SAE-S") for seed in (3, 5)
    ]
    assert np.isfinite(found[["r10", "fvu_image", "fvu_text", "dead_image"]]).all(axis=None)
