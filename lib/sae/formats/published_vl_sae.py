"""The VL-SAE checkpoints that Shen et al. 2025 (arXiv 2510.21323) published for OpenCLIP models.

They are in the hub repository shufanshen/VL-SAE, and at ModelScope as ssfgunner/VL-SAE: state dicts in torch's format
with `encoder` (width, d), `vision_decoder.weight` (d, width), `vision_decoder.bias` (d,), and the same for
`text_decoder`. They were trained on raw embeddings with K 256 and 8 latents per dimension; the encoder takes any norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lib.base.errors import CompanionError
from lib.sae.config import TwoTowerConfig
from lib.sae.formats.published import read_published
from lib.sae.models.vl_sae import VLSAE

K, RATIO = 256, 8
"""Active latents, and latents per dimension, of the published checkpoints; the files do not state the first.
"""

KEYS = {"encoder", "vision_decoder.weight", "vision_decoder.bias", "text_decoder.weight", "text_decoder.bias"}


def load_vl_sae(path: str | Path, sha256: str, k: int | None = None) -> VLSAE:
    """Read a published checkpoint as a dictionary of pairs, in evaluation mode and float32.

    sha256: hash of the file, as `read_published` needs it. k: active latents per row, which the file does not state;
    None for those of the published checkpoints. Raises CompanionError for a file that is missing, has another hash, is
    not a checkpoint of VL-SAE, or has another ratio than the published ones and so may have another k.
    """
    return from_vl_sae(read_published(Path(path), sha256), str(path), k)


def from_vl_sae(tensors: Mapping[str, Tensor], source: str, k: int | None = None) -> VLSAE:
    """Make the dictionary from a published state dict, as `load_vl_sae` does; errors call it `source`."""
    if set(tensors) != KEYS:
        found = ", ".join(sorted(map(str, tensors)))[:200]
        raise CompanionError(f"{source} has {found}, not {', '.join(sorted(KEYS))}; give a checkpoint of VL-SAE")
    if tensors["encoder"].ndim != 2:
        raise CompanionError(f"{source}: encoder has the shape {tuple(tensors['encoder'].shape)}; give a matrix")
    width, d = tensors["encoder"].shape
    decoders = [(tensors[f"{tower}_decoder.weight"], tensors[f"{tower}_decoder.bias"]) for tower in ("vision", "text")]
    for weight, bias in decoders:
        if weight.shape != (d, width) or bias.shape != (d,):
            shapes = f"{tuple(weight.shape)} and {tuple(bias.shape)}"
            raise CompanionError(f"{source}: a decoder of shapes {shapes} for an encoder ({width}, {d}); get it again")
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise CompanionError(f"{source} contains NaN or infinity; get the file again")
    if k is None and width != RATIO * d:
        raise CompanionError(
            f"{source} has {width} latents for {d} dimensions and the published ones {RATIO} for each, so its k is not "
            "known; read it by load_vl_sae(path, sha256, k)"
        )
    sae = VLSAE(TwoTowerConfig("vl_sae", width, K if k is None else k), d)
    with torch.no_grad():
        sae.encoder[0] = tensors["encoder"].float()
        for i, (weight, bias) in enumerate(decoders):
            sae.W_dec[i], sae.b_dec[i] = weight.t().float(), bias.float()
    return sae.eval()
