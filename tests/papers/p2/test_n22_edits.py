"""Rows that notebook 22's dictionaries of paired scenes train on: means or single words, and the questions asked."""

from __future__ import annotations

import numpy as np
import pytest

from lib.data.scenes.partners import kinds_in, paired_layout
from lib.data.scenes.questions import list_kinds, read
from lib.papers.p2 import n22_edits
from lib.papers.p2.n22_edits import EDITED_LAYER, PairedRepresentations


def test_rows_are_means_or_single_words() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([3, 1, 2])
    images, words = rng.standard_normal((4, 3, 5)).astype(np.float32), rng.standard_normal((6, 5)).astype(np.float32)
    made = PairedRepresentations({"made": "by hand"}, images, words, counts, np.zeros((3, 2)))
    split = np.split(words, np.cumsum(counts)[:-1])
    means = made.rows(each=False)
    assert means.tower("text") == pytest.approx(np.array([part.mean(axis=0) for part in split]))
    assert np.array_equal(means.tower("image"), images[EDITED_LAYER])
    each = made.rows(each=True)
    assert np.array_equal(each.tower("text"), words)
    assert np.array_equal(each.tower("image"), images[EDITED_LAYER][[0, 0, 0, 1, 2, 2]])
    assert each.identity != means.identity


def test_half_of_the_training_questions_are_about_what_is_there() -> None:
    for row in range(20):
        layout = paired_layout("train", 0, row)
        told, asked = n22_edits._told_and_asked(row, kinds_in(layout)).split(" </s> USER: ")
        assert told.endswith(f"ASSISTANT: {list_kinds(layout).answer}")
        ((factor, kind),) = read(asked)
        assert factor == 0 and (kind in kinds_in(layout)) == (row % 2 == 1)
