"""Paper 3: the control arms, trained like the arms of the paper on pairs that differ in the one thing in question.

What splits a dictionary: the gap between the modalities set to CLIP's size or to nothing, and two biases that know
nothing of the modality. What the group norm and the mask do: pairs of strangers, and a mask for each member on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from lib.encoders.embeddings import Embeddings, Tower
from lib.encoders.modality_gap import set_gap
from lib.papers.p3.measures import measure_dictionary
from lib.papers.p3.pair_dictionaries import (
    MASK_PROBABILITY,
    PAIRED_ARMS,
    Material,
    PairedArm,
    fit_paired_arm,
    paired_trainings,
)
from lib.sae.training.train_ahead import train_ahead

CLIPS_GAP, NO_GAP = 1.0, 0.0
"""Strengths of `lib.encoders.modality_gap.set_gap`: the gap of CLIP, and none."""


@dataclass(frozen=True)
class ControlArm:
    """An arm, and how the pairs for its training and test are changed."""

    arm: PairedArm
    change: Callable[[Material], Material]


def with_gap(material: Material, strength: float) -> Material:
    """Return the material with another gap between its modalities, without judges and class names."""
    by = material.train
    return _unnamed(material, *(set_gap(rows, by, strength) for rows in (material.train, material.test)))


def with_strangers(material: Material) -> Material:
    """Return the material with broken training pairs: each first member meets the second member of another pair."""
    second = material.towers[1]
    order = _derangement(len(material.train))
    return replace(material, train=_changed(material.train, "strangers", {second: material.train.tower(second)[order]}))


def with_dealt_members(material: Material) -> Material:
    """Return the material with the members of half of its pairs swapped, so that no bias serves only one modality."""
    return _unnamed(material, *(_dealt(rows, material) for rows in (material.train, material.test)))


def as_it_is(material: Material) -> Material:
    """Return the material unchanged."""
    return material


SPLIT_CONTROLS: dict[str, ControlArm] = {
    "SAE-1b, CLIP's gap": ControlArm(PAIRED_ARMS["SAE-1b"], partial(with_gap, strength=CLIPS_GAP)),
    "SAE-2b, CLIP's gap": ControlArm(PAIRED_ARMS["SAE-2b"], partial(with_gap, strength=CLIPS_GAP)),
    "SAE-1b, no gap": ControlArm(PAIRED_ARMS["SAE-1b"], partial(with_gap, strength=NO_GAP)),
    "SAE-2b, biases dealt out": ControlArm(PAIRED_ARMS["SAE-2b"], with_dealt_members),
}
"""Controls for the causes of splitting: claims C1 and C10."""

STRANGERS, OWN_MASKS = "GSAE, strangers", "MGSAE, own masks"


def sharing_controls(mask: float = MASK_PROBABILITY) -> dict[str, ControlArm]:
    """Controls for the group norm and the mask: claims C2 to C4, C8 and C11. mask: MGSAE's probability."""
    own = PairedArm("mgsae", group_factor=1.0, mask_probability=mask, mask_rows="member")
    return {
        STRANGERS: ControlArm(PAIRED_ARMS["GSAE"], with_strangers),
        OWN_MASKS: ControlArm(own, as_it_is),
    }


def measure_controls(
    material: Material, controls: Mapping[str, ControlArm], seeds: Iterable[int], device: str = "cpu"
) -> pd.DataFrame:
    """Train and measure control arms, one row each; columns as in `measures.measure_dictionary`."""
    runs = [(name, control, control.change(material), seed) for name, control in controls.items() for seed in seeds]
    train_ahead(chain.from_iterable(paired_trainings(on, one.arm, seed) for _, one, on, seed in runs), device)
    return pd.DataFrame(
        measure_dictionary(on, fit_paired_arm(on, one.arm, seed, name, device)) for name, one, on, seed in runs
    )


def _dealt(rows: Embeddings, material: Material) -> Embeddings:
    first, second = (rows.tower(tower) for tower in material.towers)
    swapped = np.random.default_rng(0).random((len(rows), 1)) < 0.5
    members = dict(
        zip(material.towers, (np.where(swapped, second, first), np.where(swapped, first, second)), strict=True)
    )
    return _changed(rows, "dealt out", members)


def _derangement(n: int) -> np.ndarray:
    """Draw an order of n rows in which none stays in place: each takes the next one's place along a random circle."""
    circle = np.random.default_rng(0).permutation(n)
    order = np.empty(n, dtype=np.int64)
    order[circle] = np.roll(circle, 1)
    return order


def _changed(rows: Embeddings, what: str, members: dict[Tower, Any]) -> Embeddings:
    return replace(rows, **members, identity={**rows.identity, "control": what})


def _unnamed(material: Material, train: Embeddings, test: Embeddings) -> Material:
    return replace(material, train=train, test=test, judge=None, prompts=None, labels=None)
