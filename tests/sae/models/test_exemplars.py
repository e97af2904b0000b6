"""The control whose encoder rows are training rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.sae.config import TwoTowerConfig
from lib.sae.models.exemplars import exemplars
from tests.sae.reference import toy


def test_encoder_rows_are_distinct_rows_of_both_towers() -> None:
    data, config = toy(60, 6), TwoTowerConfig("vl_sae", 40, 4)
    found = exemplars(config, data, seed=0).encoder[0].detach().numpy()
    both = np.concatenate([data.tower("image"), data.tower("text")])
    cosines = found @ (both / np.linalg.norm(both, axis=1, keepdims=True)).T
    nearest = cosines.argmax(axis=1)
    assert cosines.max(axis=1) == pytest.approx(np.ones(40), abs=1e-5)
    assert len(set(nearest)) == 40 and 0 < (nearest < 60).sum() < 40
    assert torch.equal(exemplars(config, data, 0).encoder, exemplars(config, data, 0).encoder)
    assert not torch.equal(exemplars(config, data, 0).encoder, exemplars(config, data, 1).encoder)


def test_more_latents_than_rows_are_refused() -> None:
    with pytest.raises(CompanionError, match="32 latents from 20 rows; give at most as many latents as rows"):
        exemplars(TwoTowerConfig("vl_sae", 32, 4), toy(10, 6), 0)
