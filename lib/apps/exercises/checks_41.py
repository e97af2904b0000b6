"""Checks of the exercises of notebook 41, retrieval by edited pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def collapsed(answer: Callable[..., dict[str, float]]) -> str | None:
    """Asks for a dict of three ways to count ties to the share of hits."""
    hits = answer()
    if float(hits["optimistic"]) != 1:
        return "with ties for us every caption is first: nothing scores more than the right one"
    if float(hits["pessimistic"]) != 0:
        return "with ties against us no caption is first: 99 others score as much"
    return None if float(hits["average"]) == 0 else "the average rank of 100 equal scores is 50.5, so none is first"


def any_of_five(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two shares, from picture to caption first."""
    to_caption, to_picture = (float(one) for one in answer())
    if np.isclose(to_caption, 1 / 1000, atol=0.0008):
        return "any of a picture's five captions counts, so chance is five in a thousand"
    for share in (to_caption, to_picture):
        if not np.isclose(share, 1 / 200, atol=0.0025):
            return (
                f"chance is one in 200 in both directions, and you find {share:.4f}; average over some draws of noise"
            )
    return None


def the_leak(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for R@1 of two searches, the leaky one first."""
    leaky, fair = (float(one) for one in answer())
    if leaky < 0.8:
        return f"the leaky search finds {leaky:.2f}: edit every picture once, by its own caption, and search with all"
    return (
        None if fair < 0.1 else f"the fair search finds {fair:.2f}: every pair has to be edited by that pair's caption"
    )
