"""Pictures or sounds with one class each: what zero-shot classification is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.data.pairs import Pairs


@dataclass(frozen=True)
class LabelledPairs:
    """Pairs without captions, and the class of each.

    labels (n,): class numbers, from 0. classes: the name of each class, for prompts; two may have the same. templates:
    prompts with one pair of braces for the name, as published with the set; empty where it comes without.
    """

    pairs: Pairs
    labels: np.ndarray
    classes: tuple[str, ...]
    templates: tuple[str, ...] = ()
