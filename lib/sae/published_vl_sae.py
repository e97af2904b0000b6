"""The VL-SAE checkpoints that Shen et al. 2025 (arXiv 2510.21323) published for OpenCLIP models.

They lie at the hub repository shufanshen/VL-SAE, and at ModelScope as ssfgunner/VL-SAE: state dicts in torch's format
with `encoder` (width, d), `vision_decoder.weight` (d, width), `vision_decoder.bias` (d,), and the same for
`text_decoder`. They were trained on raw embeddings with K 256 and 8 latents a dimension; the encoder takes any norm.
"""

from __future__ import annotations

from pathlib import Path

import torch

from lib.data.errors import CompanionError, NotAvailable
from lib.data.files import sha256_file
from lib.sae.config import SAEConfig
from lib.sae.vl_sae import VLSAE

K = 256
KEYS = ("encoder", "vision_decoder.weight", "vision_decoder.bias", "text_decoder.weight", "text_decoder.bias")
B32_SHA256 = "41dff216"
"""How the sha256 of the ViT-B/32 checkpoint begins (issue 7 of the authors' repository)."""


def load_published(path: Path, *, sha256: str, k: int = K) -> VLSAE:
    """A published checkpoint as a dictionary of pairs, after a check of its hash, or of as much of it as is known.

    Only tensors are read (`weights_only`). Raises NotAvailable where the file is not there.
    """
    if not path.is_file():
        raise NotAvailable(f"{path.name} is not here; get it from the hub repository shufanshen/VL-SAE")
    found = sha256_file(path)
    if len(sha256) < 8 or not found.startswith(sha256.lower()):
        raise CompanionError(f"{path.name} has the sha256 {found[:16]}..., not {sha256[:16]}...; get the file again")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zipfile and torch each raise their own kinds
        reason = str(error).splitlines()[0][:100]
        raise CompanionError(f"{path.name} is no state dict of tensors ({reason}); get the file again") from None
    return from_state(state, path.name, k)


def from_state(state: object, name: str, k: int) -> VLSAE:
    """A dictionary from a published state dict; an error names what is missing or of another shape."""
    if not isinstance(state, dict) or sorted(state) != sorted(KEYS):
        keys = sorted(map(str, state)) if isinstance(state, dict) else type(state).__name__
        raise CompanionError(f"{name} holds {keys}, not {', '.join(KEYS)}; give a checkpoint of VL-SAE")
    width, d = state["encoder"].shape
    sae = VLSAE(SAEConfig("vl_sae", width, k), 2 * d)
    decoders = [(state[f"{tower}_decoder.weight"], state[f"{tower}_decoder.bias"]) for tower in ("vision", "text")]
    for weight, bias in decoders:
        if weight.shape != (d, width) or bias.shape != (d,):
            shapes = f"{tuple(weight.shape)} and {tuple(bias.shape)}"
            raise CompanionError(f"{name}: a decoder of shapes {shapes} for an encoder ({width}, {d}); get it again")
    if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
        raise CompanionError(f"{name} holds NaN or infinity; get the file again")
    with torch.no_grad():
        sae.encoder[0] = state["encoder"].float()
        for i, (weight, bias) in enumerate(decoders):
            sae.W_dec[i], sae.b_dec[i] = weight.t().float(), bias.float()
    return sae.eval()
