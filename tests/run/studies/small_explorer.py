"""The explorer on a small world with little training, so that its tests need no cache."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.editing.masker import MaskerConfig
from lib.run.profiles import load_profile
from lib.run.start import Session, open_session
from lib.run.studies import explore, explorer_page, steering, text_editing, vl_concepts

SMALL = ["splits.train=200", "splits.dev=10", "splits.test=120", "sae.steps=10", "sae.batch=64", "seeds=[0]"]


def small_session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session of the explorer; its dictionaries take seconds."""
    monkeypatch.setattr(text_editing, "TRAIN", 200)
    monkeypatch.setattr(vl_concepts, "STEPS", 5)
    monkeypatch.setattr(steering, "PICTURES", 40)
    monkeypatch.setattr(steering, "STEPS", 5)
    monkeypatch.setattr(steering, "SUPPORT", 1)
    monkeypatch.setattr(steering, "LIFT", 0.0)
    return open_session("80_explorer", load_profile("scenes", SMALL))


def small_arms() -> dict[str, MaskerConfig]:
    """The maskers' settings, with few steps."""
    return {arm: replace(config, steps=3, batch=32) for arm, config in text_editing.ARMS.items()}


def small_parts(session: Session) -> tuple[explore.Concepts, explore.Edits, explore.Steering]:
    """What the page is made of."""
    concepts = explore.Concepts(session, vl_concepts.fit(session, vl_concepts.UNIFIED, 0))
    return concepts, explore.Edits(session, small_arms()), explore.Steering(session)


def shorten_page(monkeypatch: pytest.MonkeyPatch, latents: int, captions: int) -> None:
    """So many latents and captions on the page."""
    monkeypatch.setattr(explorer_page, "LATENTS", latents)
    monkeypatch.setattr(explorer_page, "CAPTIONS", captions)
