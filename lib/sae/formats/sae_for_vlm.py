"""Dictionaries released by Pach et al. (arXiv 2504.02821, hub repository mateuszpach/sae-for-vlm).

They are checkpoints `ae_STEP.pt` of their trainers, which are dictionary_learning's.

There are two layouts, which the names of the tensors distinguish:

    BatchTopK     encoder.weight (width, d), encoder.bias, decoder.weight (d, width), b_dec, k, threshold
    Matryoshka    W_enc (d, width), b_enc, W_dec (width, d), b_dec, k, threshold, group_sizes

Both take raw inputs: before they save, the trainers multiply biases and threshold by the scale of the input. A
threshold of -1 was never set; the codes are then those of a ReLU.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from lib.base.errors import CompanionError
from lib.sae.base import SAE, one_tower
from lib.sae.config import SAEConfig
from lib.sae.formats.published import read_published
from lib.sae.recipes import build
from lib.sae.storage import filled

BATCH_TOPK = {"encoder.weight", "encoder.bias", "decoder.weight", "b_dec", "k", "threshold"}
MATRYOSHKA = {"W_enc", "b_enc", "W_dec", "b_dec", "k", "threshold", "group_sizes"}


def load_sae_for_vlm(path: str | Path, sha256: str) -> SAE:
    """Read a released checkpoint as a BatchTopK or Matryoshka dictionary, in evaluation mode, float32 and for raw
    inputs.

    sha256: hash of the file, as `read_published` needs it. Raises CompanionError for a file that is missing, has
    another hash, or is not a checkpoint of these two layouts.
    """
    return from_sae_for_vlm(read_published(Path(path), sha256), str(path))


def from_sae_for_vlm(tensors: Mapping[str, Tensor], source: str) -> SAE:
    """Make the dictionary from a released state dict; errors call it `source`."""
    for name in ("W_enc", "W_dec", "encoder.weight", "decoder.weight", "k"):
        if name in tensors and (tensors[name].ndim != 2 if name != "k" else tensors[name].numel() != 1):
            raise CompanionError(f"{source}: encoder and decoder must be matrices and k one number; get the file again")
    for name in ("k", "group_sizes"):
        if name in tensors and bool((tensors[name] != tensors[name].round()).any()):
            raise CompanionError(
                f"{source}: {name} is {tensors[name].tolist()}, not a whole number; get the file again"
            )
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
            f"{source} has {', '.join(sorted(map(str, tensors)))[:200]}; known are the checkpoints of BatchTopK and "
            "Matryoshka"
        )
    weights |= {"b_dec": tensors["b_dec"], "threshold": tensors["threshold"].clamp_min(0)}
    width, d = weights["W_dec"].shape
    config = SAEConfig(recipe, width, int(tensors["k"]), prefixes=prefixes)
    weights = {name: tensor.float().contiguous() for name, tensor in weights.items()}
    return one_tower(filled(build(config, d), weights, source), "sae-for-vlm")
