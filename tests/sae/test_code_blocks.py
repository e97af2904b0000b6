"""Codes in blocks are the codes of the whole, and so is what is measured on them."""

from __future__ import annotations

import numpy as np
import pytest

from lib.metrics.fidelity import fidelity
from lib.metrics.firing import firing
from lib.papers.common.dictionaries import measure_blocks
from lib.sae import code_blocks as module
from lib.sae.code_blocks import code_blocks
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.training.untrained import untrained
from tests.sae.reference import toy


@pytest.mark.parametrize("tower", ["image", "text"])
def test_blocks_are_the_codes_of_the_whole(tower):
    sae, embeddings = untrained(TrainConfig(SAEConfig("topk", 48, k=3)), toy()), toy(2500)
    whole, place = sae.codes(embeddings, tower), 0
    for rows, codes in code_blocks(sae, embeddings, tower, rows=1024):
        assert rows.start == place and codes.ids.tolist() == embeddings.ids[rows].tolist()
        np.testing.assert_array_equal(codes.dense(), whole.csr()[rows].toarray())
        place = rows.stop
    assert place == 2500


def test_measures_in_blocks_are_those_of_the_whole(monkeypatch):
    sae, embeddings = untrained(TrainConfig(SAEConfig("topk", 48, k=3)), toy()), toy(20_000)
    codes = sae.codes(embeddings)
    found, fires = measure_blocks(sae, embeddings)
    expected = fidelity(embeddings.image, sae.reconstruct(codes))
    assert (found.fvu, found.cosine, found.rows) == (expected.fvu, expected.cosine, expected.rows)
    assert fires.counts.tolist() == firing(codes).counts.tolist() and fires.rows == 20_000
    assert module.ROWS < 20_000
