"""Each ablation exchanges the part that its name says, and nothing else."""

from __future__ import annotations

import pytest
import torch

from lib.sae.models.vl_sae_ablations import CosineShared, DistanceL1, DistanceShared, VLSAECosine
from tests.sae.reference import NONE, random_pairs, random_rows, random_two_towers


@pytest.mark.parametrize(
    ("recipe", "kind", "decoders"),
    [
        ("vl_sae_cosine", VLSAECosine, 2),
        ("cosine_shared", CosineShared, 1),
        ("distance_shared", DistanceShared, 1),
        ("distance_l1", DistanceL1, 2),
    ],
)
def test_what_the_towers_share(recipe: str, kind: type, decoders: int) -> None:
    sae = random_two_towers(recipe)
    assert type(sae) is kind and sae.b_enc is None
    assert sae.encoder.shape == (1, 12, 5) and sae.W_dec.shape == (decoders, 12, 5) and sae.b_dec.shape == (decoders, 5)


@pytest.mark.parametrize("recipe", ["vl_sae", "distance_shared", "vl_sae_cosine", "cosine_shared"])
def test_angular_codes_ignore_norms_and_select_alike(recipe: str) -> None:
    sae, distance, x = random_two_towers(recipe), random_two_towers("vl_sae"), random_rows(6, 5)
    code = sae.encode_tower(x, "text")
    torch.testing.assert_close(code.dense(), sae.encode_tower(7.5 * x, "text").dense())
    assert torch.equal(code.pattern.positions, distance.encode_tower(x, "image").pattern.positions)


def test_the_l1_term_is_the_mean_over_rows_of_both_towers() -> None:
    sae, x = random_two_towers("distance_l1"), random_pairs()
    codes = [sae.encode_tower(rows, tower) for rows, tower in zip(x.unbind(dim=1), ("image", "text"), strict=True)]
    error = (x - sae.loss(x, NONE).reconstruction).square().sum() / len(x)
    l1 = 0.1 * sum(code.values.sum() / len(x) for code in codes)
    torch.testing.assert_close(sae.loss(x, NONE).loss, error + l1)
