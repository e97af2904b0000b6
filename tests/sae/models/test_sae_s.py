"""SAE-S reads pictures and captions alike, as an ordinary TopK dictionary would."""

from __future__ import annotations

import torch

from lib.sae.models.sae_s import SAES
from tests.sae.reference import random_rows, random_sae, random_two_towers


def test_everything_is_shared() -> None:
    sae, x = random_two_towers("sae_s"), random_rows()
    assert isinstance(sae, SAES)
    assert sae.encoder.shape == sae.W_dec.shape == (1, 12, 5)
    assert sae.b_enc.shape == (1, 12) and sae.b_dec.shape == (1, 5)
    codes = [sae.encode_tower(x, tower) for tower in ("image", "text")]
    assert torch.equal(codes[0].dense(), codes[1].dense())
    assert torch.equal(sae.decode_tower(codes[0], "image"), sae.decode_tower(codes[0], "text"))


def test_its_codes_are_those_of_topk_without_a_pre_bias() -> None:
    sae, plain, x = random_two_towers("sae_s"), random_sae("topk"), random_rows()
    with torch.no_grad():
        plain.encoder.copy_(sae.encoder[0])
        plain.b_enc.copy_(sae.b_enc[0])
        plain.b_dec.zero_()
    torch.testing.assert_close(sae.encode_tower(x, "image").dense(), plain.encode(x).dense())
