"""Exercises of notebook 40, captions that decide what stays."""

import numpy as np

from lib.data.atoms import AtomDials, draw_atoms


def edited_score(z: np.ndarray, mask: np.ndarray, D: np.ndarray, residual: np.ndarray, t: np.ndarray) -> float:
    """Easy. A picture has the code `z` (latents,) over the directions `D` (latents, d), and the `residual` (d,) that
    the dictionary does not explain. A caption `t` (d,) of length 1 keeps the shares `mask` (latents,) of its latents.
    Return the score of the pair: the cosine of the edited picture, whose residual stays, with the caption."""
    edited = (z * mask) @ D + residual
    return float(edited @ t / np.linalg.norm(edited))


def query_of(mask: np.ndarray, D: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Medium. Without the norm and the residual, the score is the product of the picture's code z with one vector u
    (latents,) that depends on the caption alone. Return u. What follows for an edit without the norm?"""
    return mask * (D @ t)


def too_few_facts() -> tuple[float, float]:
    """Hard. Captions that tell two facts are true of several pictures. Draw 300 pictures of the split "dev" with such
    captions, `draw_atoms(AtomDials(), "dev", 300, told=(2, 2))`, and give every pair the perfect edit of the method by
    hand. Return the share of pictures whose own caption is first, and the share whose first caption is true of them
    (`holds()` gives a table, captions by pictures). Which of the two would you report?"""
    dials, n = AtomDials(), 300
    drawn = draw_atoms(dials, "dev", n, told=(2, 2))
    own = dials.atoms.reshape(12, 6, -1)[np.arange(12), drawn.codes]  # (pictures, factors, d)
    scores = np.empty((n, n))
    for j, told in enumerate(drawn.asserted >= 0):
        edited = np.einsum("nf,nfd->nd", drawn.strengths * told, own)  # keep the factors that caption j tells
        scores[:, j] = edited @ drawn.text[j] / np.linalg.norm(edited, axis=1)
    first = scores.argmax(axis=1)
    return float((first == np.arange(n)).mean()), float(drawn.holds()[first, np.arange(n)].mean())
