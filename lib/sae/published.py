"""The dictionaries that Pach et al. released (arXiv 2504.02821, hub repository mateuszpach/sae-for-vlm): checkpoints
`ae_STEP.pt` of their trainers, which are dictionary_learning's.

A checkpoint is a pickled state dict. It is opened only after its sha256 is the one that the reader states, and by
`torch.load(weights_only=True)`, which builds tensors and nothing else. Two layouts are known, told apart by names:

    BatchTopK     encoder.weight (width, d), encoder.bias, decoder.weight (d, width), b_dec, k, threshold
    Matryoshka    W_enc (d, width), b_enc, W_dec (width, d), b_dec, k, threshold, group_sizes

Both take raw inputs: the trainers multiply the scale of the input back into biases and threshold before they save. A
threshold of -1 was never set, and codes are then what a ReLU leaves.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from lib.data.errors import CompanionError
from lib.data.files import sha256_file
from lib.sae.base import SAE
from lib.sae.config import SAEConfig
from lib.sae.recipes import build
from lib.sae.storage import filled

BATCH_TOPK = {"encoder.weight", "encoder.bias", "decoder.weight", "b_dec", "k", "threshold"}
MATRYOSHKA = {"W_enc", "b_enc", "W_dec", "b_dec", "k", "threshold", "group_sizes"}


def load_published(path: str | Path, sha256: str) -> SAE:
    """A released checkpoint as a BatchTopK or Matryoshka dictionary, in evaluation mode and float32, for raw inputs.

    sha256: of the file, from the page it was taken from, not from the file itself. Raises CompanionError for a file
    that is missing, has another hash, or is no checkpoint of these two layouts.
    """
    path = Path(path)
    tensors = _tensors(path, sha256)
    for name in ("W_enc", "W_dec", "encoder.weight", "decoder.weight", "k"):
        if name in tensors and (tensors[name].ndim != 2 if name != "k" else tensors[name].numel() != 1):
            raise CompanionError(f"{path}: encoder and decoder must be matrices and k one number; get the file again")
    if set(tensors) == MATRYOSHKA:
        weights = {"encoder": tensors["W_enc"].T, "b_enc": tensors["b_enc"], "W_dec": tensors["W_dec"]}
        ends = tensors["group_sizes"].cumsum(0).flatten().tolist()
        recipe, prefixes = "matryoshka", tuple(int(end) for end in ends)
    elif set(tensors) == BATCH_TOPK:
        weights = {"encoder": tensors["encoder.weight"], "b_enc": tensors["encoder.bias"]}
        weights |= {"W_dec": tensors["decoder.weight"].T}
        recipe, prefixes = "batch_topk", ()
    else:
        raise CompanionError(
            f"{path} holds {', '.join(sorted(tensors))[:200]}; known are the checkpoints of BatchTopK and Matryoshka"
        )
    weights |= {"b_dec": tensors["b_dec"], "threshold": tensors["threshold"].clamp_min(0)}
    width, d = weights["W_dec"].shape
    config = SAEConfig(recipe, width, int(tensors["k"]), prefixes=prefixes)
    return filled(build(config, d), {name: tensor.float().contiguous() for name, tensor in weights.items()}, str(path))


def _tensors(path: Path, sha256: str) -> dict[str, Tensor]:
    """What a checkpoint holds, after its hash has been compared."""
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise CompanionError(f"sha256 {sha256!r} is none; give the 64 hex digits of the checkpoint's page")
    if not path.is_file():
        raise CompanionError(f"no checkpoint {path}; fetch it first")
    found = sha256_file(path)
    if found != sha256:
        raise CompanionError(f"{path} has sha256 {found}, not {sha256}; it was not opened, get the file again")
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zipfile and torch each raise their own kinds
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise CompanionError(f"{path} is no checkpoint of plain tensors ({reason}); get the file again") from None
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise CompanionError(f"{path} is no state dict of tensors; give an ae_STEP.pt of sae-for-vlm")
    return tensors
