"""Where kinds of objects are inserted: the latents that fit them, and edits of an object's patches alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lib.data.scenes.scene_pairs import layout_of
from lib.encoders.training.lessons import SHOWN, shown_codes
from lib.papers.p1 import n12_places, n12_steering
from lib.papers.p1.n12_steering import SteeringPlan
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

SMALL = ["seeds=[0]", "splits.train=160", "splits.dev=40", "splits.test=40"]


@pytest.fixture
def session(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(n12_steering, "PATCH_PICTURES", 150)
    monkeypatch.setattr(n12_steering, "PATCH_STEPS", 20)
    for module in (n12_steering, n12_places):
        monkeypatch.setattr(module, "LEAST_PATCHES", 5)
    return open_session("12_steering", load_profile("scenes", SMALL))


def test_each_kind_has_the_latent_that_falls_most_on_it(session: Session) -> None:
    drawn = n12_places.kinds_at(session, 1, 0)
    patches = n12_steering.patch_tokens(session, 1)
    truth, dense = n12_steering.shown_concepts(session), drawn.sae.codes(patches).dense()
    live = np.flatnonzero((dense > 0).sum(axis=0) >= 5)
    known = [number for number in range(len(SHOWN[0])) if truth[:, number].sum() >= 5]
    kinds = [SHOWN[0].index(n12_steering.concept_name(one)) for one in drawn.concept]
    assert len(kinds) == n12_places.KINDS_STEERED == 16 and kinds == sorted(set(kinds)) and set(kinds) <= set(known)
    for kind, number in enumerate(kinds):
        shows = truth[:, number]
        lifts = {at: dense[shows, at].sum() / dense[:, at].sum() - shows.mean() for at in live}
        assert drawn.latent[kind] == max(lifts, key=lambda at: lifts[at])
        assert drawn.lift[kind] == pytest.approx(max(lifts.values()), abs=1e-6)
    by_hand = patches.tower("image")[shows].mean(axis=0) - patches.tower("image")[~shows].mean(axis=0)
    np.testing.assert_allclose(drawn.means[-1].numpy(), by_hand, rtol=1e-3, atol=1e-4)
    at_the_read_block = n12_steering.patch_tokens(session)
    assert not np.allclose(at_the_read_block.tower("image"), patches.tower("image"))


def test_only_the_patches_of_the_main_object_are_edited() -> None:
    plan = SteeringPlan("test", True, np.array([0, 0]), np.array([3, 7]))
    shown = n12_places.object_patches(plan, 8)
    for row, picture in enumerate(plan.picture):
        layout = layout_of("test", 0, int(picture))
        assert shown[row].tolist() == (shown_codes(layout, 8)[:, 0] == layout.things[0].kind).tolist()
        assert 0 < int(shown[row].sum()) < shown.shape[1]
    limited = n12_places.on_object(lambda rows: lambda tokens: tokens + 1, plan, 8)
    for first in (0, 1):  # without a class token, and with one, which is left alone
        tokens = torch.zeros(2 * (first + shown.shape[1]), 3)
        changed = limited(slice(0, 2))(tokens).view(2, -1, 3)[..., 0] > 0
        assert torch.equal(changed[:, first:], shown) and not changed[:, :first].any()


def test_every_place_and_arm_has_its_strength(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(n12_places, "STRENGTHS", (1.0, 4.0))
    monkeypatch.setattr(n12_places, "KINDS_STEERED", 4)
    answers, lifts = n12_places.steer_kinds(session)
    places = answers.groupby(["block", "tokens", "arm"]).size()
    assert (places == 1).all() and len(places) == 3 * len(n12_places.TOKENS) * len(n12_places.ARMS)
    assert set(answers.strength) <= {1.0, 4.0} and answers.clean.between(0, 1).all()
    assert (lifts.groupby("block").size() == 4).all() and set(lifts.block) == {0, 1, 2}
