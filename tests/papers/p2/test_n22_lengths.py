"""The table of training lengths, on few scenes: each row is that of its own trainings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lib.papers.p2 import n22_edits, n22_lengths
from lib.papers.p2.n22_arms import CONCEPT_WEIGHTS, at_their_best
from lib.papers.p2.n22_edits import PairedRepresentations, train_edits
from lib.papers.p2.n22_lengths import LENGTHS, length_table
from lib.papers.p2.n22_partners import Exam, paired_llava


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, cache: Path) -> PairedRepresentations:
    """Representations drawn at random, of ten scenes of four words."""
    rng, d = np.random.default_rng(0), paired_llava().model.config.text_config.hidden_size
    images, words = (rng.standard_normal(shape).astype(np.float32) for shape in ((4, 10, d), (40, d)))
    made = PairedRepresentations({"drawn": 0}, images, words, np.full(10, 4), np.zeros((10, 3)))
    monkeypatch.setattr(n22_lengths, "paired_representations", lambda: made)
    monkeypatch.setattr(n22_edits, "_WIDTH", 32)
    return made


def test_each_row_is_of_its_own_trainings(few: PairedRepresentations, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def noted(*arguments, **lengths):
        asked.append((lengths["auxiliary_steps"], lengths["steps"]))
        return train_edits(*arguments, **lengths)

    monkeypatch.setattr(n22_lengths, "train_edits", noted)
    of = Exam("dev", 3)
    table = length_table(of, ((2, 3), (4, 2)), ["seeds=[0]"])
    assert asked == [(2, 3), (4, 2)]
    assert list(table.weight) == 2 * list(CONCEPT_WEIGHTS)
    assert [*zip(table.auxiliary, table.vl_sae, strict=True)] == 3 * [(2, 3)] + 3 * [(4, 2)]
    session = n22_lengths.open_session("22_hallucination", n22_lengths.load_profile("scenes", ["seeds=[0]"]))
    trained = train_edits(session, few.rows(each=True), each=True, auxiliary_steps=4, steps=2)
    _, alone = at_their_best(trained, of)
    assert list(alone[alone.rule == n22_lengths.ADDITIVE].accuracy) == list(table.accuracy[3:])


def test_the_first_lengths_are_those_of_the_notebook() -> None:
    assert LENGTHS[0] == (n22_edits._STEPS, n22_edits._STEPS)
