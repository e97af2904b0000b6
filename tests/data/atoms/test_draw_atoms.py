"""Known atoms: vectors that are what their codes say, prefixes that do not change, captions that are true or not."""

from __future__ import annotations

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data.atoms import MIXED, AtomDials, contradict_atoms, draw_atoms, swap_one
from lib.data.atoms.draw_atoms import FACTORS, VALUES
from lib.data.procedural import SILENT

N = 40


def test_pictures_and_captions_are_sums_of_the_atoms_that_they_name() -> None:
    """The slow way: one loop over rows and factors."""
    drawn = draw_atoms(AtomDials(), "test", N, told=(3, 5))
    for row in range(N):
        image, text = np.zeros(48), np.zeros(48)
        for factor in range(FACTORS):
            atom = drawn.dials.atoms[factor * VALUES + drawn.codes[row, factor]]
            image += drawn.strengths[row, factor] * atom
            text += (drawn.asserted[row, factor] != SILENT) * atom
        text += np.sqrt((drawn.asserted[row] != SILENT).sum()) * drawn.noise[row]
        np.testing.assert_allclose(drawn.image[row], image, atol=1e-6)
        np.testing.assert_allclose(drawn.text[row], text / np.linalg.norm(text), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(drawn.image, axis=1), 1, atol=1e-6)
    told = (drawn.asserted != SILENT).sum(axis=1)
    assert told.min() == 3 and told.max() == 5


@pytest.mark.parametrize("told", [(1, 1), (6, 6), MIXED])
def test_the_first_rows_are_the_same_for_every_size(told: tuple[int, int]) -> None:
    small, large = (draw_atoms(AtomDials(), "dev", n, told) for n in (N, 3 * N))
    for name in ("ids", "codes", "strengths", "asserted", "noise"):
        assert (getattr(small, name) == getattr(large.first(N), name)).all(), name


def test_splits_seeds_and_captions_differ() -> None:
    drawn = draw_atoms(AtomDials(), "test", N)
    assert (draw_atoms(AtomDials(), "dev", N).codes != drawn.codes).any()
    assert (draw_atoms(AtomDials(seed=1), "test", N).codes != drawn.codes).any()
    again = draw_atoms(AtomDials(), "test", N, caption=1)
    assert (again.codes == drawn.codes).all() and (again.asserted != drawn.asserted).any()
    assert again.identity != drawn.identity


def test_truth_by_a_loop() -> None:
    drawn = draw_atoms(AtomDials(), "test", N, told=(1, 2))
    holds = [
        [all(s in (SILENT, c) for s, c in zip(said, shown, strict=True)) for shown in drawn.codes]
        for said in drawn.asserted
    ]
    assert (drawn.holds() == np.array(holds)).all() and drawn.holds().diagonal().all()
    facts = drawn.facts()
    assert facts.names[7] == "1:1" and (facts.truth[:, 7] == (drawn.codes[:, 1] == 1)).all()
    assert (facts.mentioned[:, 0, 7] == (drawn.asserted[:, 1] == 1)).all() and facts.truth.sum() == FACTORS * N


def test_dials() -> None:
    even = draw_atoms(AtomDials(spread=0.0, noise=0.0), "test", N, told=(12, 12))
    np.testing.assert_allclose(even.image, even.text, atol=1e-6)  # all told, equally strong, no noise
    wide = np.abs(np.triu(AtomDials(d=512).atoms @ AtomDials(d=512).atoms.T, 1)).max()
    assert wide < np.abs(np.triu(AtomDials(d=16).atoms @ AtomDials(d=16).atoms.T, 1)).max()
    noisy = draw_atoms(AtomDials(noise=0.5), "test", 400)
    assert np.linalg.norm(noisy.noise, axis=1).mean() == pytest.approx(0.5, rel=0.05)


def test_contradictions_change_one_fact_and_are_false() -> None:
    drawn = draw_atoms(AtomDials(), "test", N, told=(6, 6))
    false, kept = contradict_atoms(drawn, 3)
    assert (drawn.asserted[kept, 3] != SILENT).all() and len(kept) == (drawn.asserted[:, 3] != SILENT).sum()
    assert ((false.asserted != drawn.asserted[kept]).sum(axis=1) == 1).all() and not false.holds().diagonal().any()
    assert (false.noise == drawn.noise[kept]).all() and (false.image == drawn.image[kept]).all()


def test_swaps_come_with_the_picture_that_they_are_true_of() -> None:
    drawn = draw_atoms(AtomDials(), "test", N, told=(4, 4))
    altered, pictures = swap_one(drawn)
    assert ((altered.asserted != drawn.asserted).sum(axis=1) == 1).all() and not altered.holds().diagonal().any()
    assert pictures.holds().diagonal().all() and ((pictures.codes != drawn.codes).sum(axis=1) == 1).all()
    np.testing.assert_allclose(np.linalg.norm(pictures.image, axis=1), 1, atol=1e-6)


def test_bad_input_is_named() -> None:
    with pytest.raises(CompanionError, match="captions cannot mention 0 to 3 facts; give 1 to 12"):
        draw_atoms(AtomDials(), "test", N, told=(0, 3))
    with pytest.raises(CompanionError, match="atoms have no split 'validation'; known"):
        draw_atoms(AtomDials(), "validation", N)
    with pytest.raises(CompanionError, match="give at least 2 dimensions, and neither a negative spread nor noise"):
        AtomDials(spread=-1)
    silent = draw_atoms(AtomDials(), "test", 1, told=(1, 1))
    factor = int((silent.asserted[0] == SILENT).argmax())
    with pytest.raises(CompanionError, match=f"no caption mentions factor {factor}, so none can be contradicted"):
        contradict_atoms(silent, factor)
