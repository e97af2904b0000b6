"""Centroids of k-means in place of a trained encoder: a control for every dictionary of pairs."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans

from lib.base.vectors import normalise_rows
from lib.encoders.embeddings import Embeddings
from lib.sae.config import TwoTowerConfig
from lib.sae.models.two_towers import TOWERS
from lib.sae.models.vl_sae import VLSAE

BATCH, PASSES = 2048, 3


def kmeans(config: TwoTowerConfig, embeddings: Embeddings, seed: int) -> VLSAE:
    """Make a VL-SAE whose encoder rows are the centroids of all rows of both towers (scikit-learn's mini-batch
    k-means).

    Centre each tower first (`centre_towers`), or the modality gap decides the clusters. The decoders are zero.
    """
    rows = np.concatenate([embeddings.tower(tower) for tower in TOWERS]).astype(np.float64)
    rows = normalise_rows("embeddings", rows)
    model = MiniBatchKMeans(config.width, batch_size=BATCH, max_iter=PASSES, n_init=1, random_state=seed)
    sae = VLSAE(config, rows.shape[1])
    with torch.no_grad():
        sae.encoder[0] = torch.from_numpy(model.fit(rows).cluster_centers_)
    return sae.eval()


def centre_towers(embeddings: Embeddings, by: Embeddings) -> Embeddings:
    """Subtract from each tower its mean over the rows `by`, which are the training rows."""
    means = {tower: by.tower(tower).mean(axis=0, dtype=np.float64) for tower in TOWERS}
    image, text = ((embeddings.tower(tower) - means[tower]).astype(np.float32) for tower in TOWERS)
    identity = {**embeddings.identity, "centred by": by.identity}
    return Embeddings(embeddings.ids, image, text, embeddings.encoder, normalised=False, identity=identity)
