"""Training rows in place of a trained encoder: a control for every dictionary of pairs."""

from __future__ import annotations

import numpy as np
import torch

from lib.base.errors import CompanionError
from lib.base.vectors import normalise_rows
from lib.encoders.embeddings import Embeddings
from lib.sae.config import TwoTowerConfig
from lib.sae.models.two_towers import TOWERS
from lib.sae.models.vl_sae import VLSAE


def exemplars(config: TwoTowerConfig, embeddings: Embeddings, seed: int) -> VLSAE:
    """Make a VL-SAE whose encoder rows are rows of both towers, drawn at random.

    Its latents ask "how near is this row to that picture, or to that caption?", and nothing has been learnt. Centre
    each tower first (`centre_towers`). The decoders are zero.
    """
    rows = np.concatenate([embeddings.tower(tower) for tower in TOWERS]).astype(np.float64)
    if len(rows) < config.width:
        raise CompanionError(f"{config.width} latents from {len(rows)} rows; give at most as many latents as rows")
    drawn = np.random.default_rng(seed).choice(len(rows), config.width, replace=False)
    sae = VLSAE(config, rows.shape[1])
    with torch.no_grad():
        sae.encoder[0] = torch.from_numpy(normalise_rows("embeddings", rows[drawn]))
    return sae.eval()
