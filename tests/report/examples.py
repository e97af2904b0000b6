"""A registered claim and evidence for it, for the tests to vary."""

from __future__ import annotations

from typing import Any

from lib.report.claims import Claim
from lib.report.effects import Effect, over_seeds
from lib.report.evidence import Evidence, judge
from lib.report.register import Spec

SPEC: dict[str, Any] = {
    "id": "p1.C4",
    "statement": "sparser dictionaries are more monosemantic, and reconstruct worse",
    "headline": {
        "name": "score",
        "measure": "mean MS at K 4 minus K 32",
        "rule": "above",
        "margin": 0.05,
        "why": "half of the paper's",
    },
    "sides": [{"name": "R2", "measure": "R2 at K 4 minus K 32", "rule": "below", "margin": -0.1, "why": "the paper's"}],
    "reported": {"text": "MS falls by 0.1", "where": "table 2", "setting": "CLIP ViT-L/14, ImageNet", "value": 0.1},
    "positive": {"name": "the truth as dictionary", "why": "its latents are facts"},
    "negative": {"name": "shuffled", "why": "its latents mean nothing"},
    "so": "choose the smallest K whose reconstruction you can afford",
}


def spec(**changes: Any) -> Spec:
    return Spec.model_validate(SPEC | changes)


def evidence(
    score: list[float] | Effect | str = (0.11, 0.12, 0.13), r2: list[float] = (-0.2, -0.21, -0.22), **changes: Any
) -> Evidence:
    measured = score if isinstance(score, Effect | str) else over_seeds(score)
    fields: dict[str, Any] = {
        "id": "p1.C4",
        "parts": {"score": measured, "R2": over_seeds(r2)},
        "seeds": [0, 1, 2],
        "n": 2000,
        "positive": over_seeds([0.3, 0.31, 0.32]),
        "negative": over_seeds([0.0, 0.01, -0.01]),
        "context": {"untrained": over_seeds([0.03, 0.02, 0.01])},
    }
    return Evidence(**(fields | changes))


def example(given: Evidence | None = None, notebook: str = "10_monosemanticity", **changes: Any) -> Claim:
    """The judged claim; changes: of its fields, as no evidence would make them."""
    claim = judge(given or evidence(), notebook, spec())
    return Claim(**(claim.model_dump() | changes))
