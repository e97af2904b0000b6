"""Checks of the exercise of notebook 22, decoding by shared concepts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

CHANCE, YES = np.array([0.9, 0.52, 0.3, 0.42]), np.array([True, False, True, False])


def accuracy_after_cut(answer: Callable[..., float]) -> str | None:
    """Asks for one number, the expected accuracy."""
    found = {cut: float(answer(CHANCE.copy(), YES.copy(), cut)) for cut in (0.0, 0.4, 1.0)}
    all_stay, right = _expected(lambda one, other: True), _expected(lambda one, other: one >= 0.4 * other)
    if not np.isclose(found[0.0], all_stay):
        return f"a cut at 0 removes nothing: of four questions {all_stay:.3f} come out right, not {found[0.0]:.3f}"
    if np.isclose(found[0.4], all_stay):
        return (
            "a cut at 0.4 has changed nothing: it removes the no of the first question, whose yes then has the chance 1"
        )
    if np.isclose(found[0.4], [_expected(lambda one, other: one >= 0.4, scaled) for scaled in (True, False)]).any():
        return "compare the chance of an answer with `cut` times that of the other one, not with `cut` itself"
    if not np.isclose(found[0.4], right):
        return f"of four questions a cut at 0.4 lets {right:.3f} come out right, and you give {found[0.4]:.3f}"
    if not np.isclose(found[1.0], _expected(lambda one, other: one >= other)):
        return f"a cut at 1 leaves the likelier answer alone, as greedy decoding does, and you give {found[1.0]:.3f}"
    return None


def _expected(stays: Callable[[float, float], bool], scaled: bool = True) -> float:
    """The accuracy, question by question, if an answer stays where `stays` says so of its chance and the other's."""
    total = 0.0
    for chance, yes in zip(CHANCE.tolist(), YES.tolist(), strict=True):
        kept = {answer: one if stays(one, 1 - one) else 0.0 for answer, one in ((True, chance), (False, 1 - chance))}
        total += kept[yes] / (sum(kept.values()) if scaled else 1)
    return total / len(CHANCE)
