"""The explorer on a small world with little training, so that its tests need no cache."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.apps.explorer import explore, explorer_page
from lib.editing.masker import MaskerConfig
from lib.papers.p1 import n12_steering
from lib.papers.p2 import two_tower_dictionaries
from lib.papers.p4 import editing_pairs, settings
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

SMALL = ["splits.train=200", "splits.dev=10", "splits.test=120", "sae.steps=10", "sae.batch=64", "seeds=[0]"]


def small_session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session of the explorer; its dictionaries take seconds."""
    monkeypatch.setattr(editing_pairs, "TRAINING_SCENES", 200)
    monkeypatch.setattr(two_tower_dictionaries, "DEFAULT_STEPS", 5)
    monkeypatch.setattr(n12_steering, "PATCH_PICTURES", 40)
    monkeypatch.setattr(n12_steering, "PATCH_STEPS", 5)
    monkeypatch.setattr(n12_steering, "LEAST_PATCHES", 1)
    monkeypatch.setattr(n12_steering, "LEAST_LIFT", 0.0)
    return open_session("80_explorer", load_profile("scenes", SMALL))


def small_arms() -> dict[str, MaskerConfig]:
    """The maskers' settings, with few steps."""
    return {arm: replace(config, steps=3, batch=32) for arm, config in settings.MASKER_ARMS.items()}


def small_parts(session: Session) -> tuple[explore.Concepts, explore.Edits, explore.Steering]:
    """What the page is made of."""
    concepts = explore.Concepts(
        session, two_tower_dictionaries.fit_two_tower_arm(session, two_tower_dictionaries.VL_SAE, 0)
    )
    return concepts, explore.Edits(session, small_arms()), explore.Steering(session)


def shorten_page(monkeypatch: pytest.MonkeyPatch, latents: int, captions: int) -> None:
    """So many latents and captions on the page."""
    monkeypatch.setattr(explorer_page, "PAGE_LATENTS", latents)
    monkeypatch.setattr(explorer_page, "PAGE_CAPTIONS", captions)
