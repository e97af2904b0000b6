"""The register of paper 3: its margins are the ones that were fixed, and those that follow from the paper do."""

from __future__ import annotations

import pytest

from lib.base.files import ROOT
from lib.report.register import read_register
from tests.papers.rules import rules_of

SPECS = read_register(ROOT / "lib" / "papers" / "p3" / "claims.yaml")

SIGNS = {
    "p3.C2": [f"{what} over {base}" for what in ("shared latents", "balanced share") for base in ("SAE-2b", "SAE-1b")],
    "p3.C4": [
        f"{use}, {arm} over {base}"
        for use in ("R@1", "R@5", "zero-shot")
        for arm in ("GSAE", "MGSAE")
        for base in ("SAE-2b", "SAE-1b")
    ],
    "p3.C5": [
        f"{what}, {arm} over {base}"
        for what in ("mean MMS", "latents above chance")
        for arm, base in (("GSAE", "SAE-2b"), ("GSAE", "SAE-1b"), ("MGSAE", "GSAE"))
    ],
    "p3.C8": ["zero-shot, MGSAE over GSAE", "R@1, MGSAE over GSAE"],
    "p3.C9": ["gain over a random latent", "gain", "gain, GSAE over SAE-2b", "gain, GSAE over SAE-1b"],
    "p3.C10": ["cosine, SAE-2b over SAE-1b", "R@1, SAE-2b over SAE-1b"],
    "p3.C11": [
        f"{use}, {arm} over {base}-{biases}b"
        for use in ("zero-shot", "R@1")
        for arm in ("GSAE", "MGSAE")
        for base in ("BatchTopK", "Matryoshka")
        for biases in (1, 2)
    ],
}
"""Claims that ask for the sign alone."""

FIXED = {
    "p3.C1": {"cosine of paired codes": "below 0.2", "rise with the directions' cosine": "above 0"},
    "p3.C3": {"shared latents over GSAE": "above 0", "dead latents over GSAE": "below 1"},
    "p3.C6": {
        "price of the group norm": "below 1.2",
        "the group norm costs": "above 1",
        "the mask costs more": "above 1",
    },
    "p3.C7": {
        "rise of the cosine": "above 0",
        "rise of FVU": "above 0",
        "active latents at the largest weight": "below 0.97",
    },
} | {id: dict.fromkeys(names, "above 0") for id, names in SIGNS.items()}
"""Every rule and margin once more: a verdict that moves with a margin must not pass unseen."""


def test_rules_and_margins_are_the_fixed_ones() -> None:
    assert rules_of(SPECS) == FIXED


def test_headlines() -> None:
    first = {id: next(iter(parts)) for id, parts in FIXED.items()} | {"p3.C11": "zero-shot, GSAE over BatchTopK-2b"}
    assert {id: spec.headline.name for id, spec in SPECS.items()} == first


def test_every_claim_names_both_controls() -> None:
    assert all(spec.positive and spec.negative for spec in SPECS.values())


def test_gains_over_batch_topk_are_the_papers() -> None:
    """Table 1: CIFAR-10, CIFAR-100 and ImageNet."""
    batch, group = (0.657, 0.277, 0.178), (0.808, 0.526, 0.354)
    gains = [after - before for before, after in zip(batch, group, strict=True)]
    assert SPECS["p3.C11"].reported.value == pytest.approx([min(gains), max(gains)])
