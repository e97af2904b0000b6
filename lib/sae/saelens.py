"""Dictionaries in the folder format of SAELens 6 (decoderesearch/SAELens): cfg.json and sae_weights.safetensors.

    ours                       architecture there
    relu                       standard
    topk                       topk
    batch_topk, matryoshka     jumprelu, the scalar threshold repeated for each latent: at inference they are that
    jumprelu                   jumprelu

So a Matryoshka dictionary comes back from SAELens as a JumpReLU one with the same codes, but without its prefixes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from lib.data.errors import CompanionError
from lib.data.files import write_atomic, write_json
from lib.encoders.tensors import read_tensors
from lib.sae.base import SAE
from lib.sae.config import SAEConfig
from lib.sae.recipes import build
from lib.sae.storage import filled

CONFIG = "cfg.json"
WEIGHTS = "sae_weights.safetensors"
FORMAT = "6.0.0"
"""The first version of SAELens with this format; later ones read it as it is, earlier ones had other entries."""

ARCHITECTURES = {
    "relu": "standard",
    "topk": "topk",
    "batch_topk": "jumprelu",
    "matryoshka": "jumprelu",
    "jumprelu": "jumprelu",
}
RECIPES = {"standard": "relu", "topk": "topk", "jumprelu": "jumprelu"}


def save_saelens(sae: SAE, folder: Path, **about: str) -> None:
    """Write a dictionary so that `sae_lens.SAE.load_from_disk(folder)` gives the same codes and reconstructions.

    about: entries for SAELens's metadata, such as model_name and hook_name.
    """
    recipe = sae.config.recipe
    weights = {"W_enc": sae.W_enc, "b_enc": sae.b_enc, "W_dec": sae.W_dec, "b_dec": sae.b_dec}
    config: dict[str, Any] = {
        "architecture": ARCHITECTURES[recipe],
        "d_in": sae.d,
        "d_sae": sae.width,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"sae_lens_version": FORMAT, "recipe": recipe, "k": sae.config.k, **about},
    }
    if ARCHITECTURES[recipe] == "topk":
        config |= {"k": sae.config.k, "rescale_acts_by_decoder_norm": False}
    if ARCHITECTURES[recipe] == "jumprelu":
        weights["threshold"] = sae.state_dict()["threshold"].expand(sae.width)
    plain = {name: tensor.detach().cpu().float().contiguous() for name, tensor in weights.items()}
    write_atomic(folder / WEIGHTS, save(plain))
    write_json(folder / CONFIG, config)


def load_saelens(folder: Path) -> SAE:
    """The dictionary of a SAELens folder, in evaluation mode and float32.

    Settings that change what a dictionary computes are folded into the weights (no pre-bias at the input, decoder
    norms in the selection) or refused (scaled or reshaped inputs). An error names the entry.
    """
    config = _config(folder / CONFIG)
    weights = _weights(folder / WEIGHTS)
    recipe, d, width = RECIPES[config["architecture"]], config["d_in"], config["d_sae"]
    wanted = {"W_enc": (d, width), "b_enc": (width,), "W_dec": (width, d), "b_dec": (d,)}
    wanted |= {"threshold": (width,)} if recipe == "jumprelu" else {}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if found != wanted:
        raise CompanionError(f"{folder / WEIGHTS} holds {found} where {CONFIG} asks for {wanted}; get both files again")
    if config.get("rescale_acts_by_decoder_norm"):
        norms = weights["W_dec"].norm(dim=-1).clamp_min(1e-8)
        weights["W_enc"], weights["b_enc"] = weights["W_enc"] * norms, weights["b_enc"] * norms
        weights["W_dec"] = weights["W_dec"] / norms[:, None]
    if not config.get("apply_b_dec_to_input", True):
        weights["b_enc"] = weights["b_enc"] + weights["b_dec"] @ weights["W_enc"]
    weights["encoder"] = weights.pop("W_enc").T.contiguous()
    k = config.get("k", config.get("metadata", {}).get("k", 1))
    return filled(build(SAEConfig(recipe, width, k), d), weights, str(folder / WEIGHTS))


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text())
        asked = {name: config[name] for name in ("architecture", "d_in", "d_sae")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CompanionError(f"cannot read {path} ({error!r}); give a folder that SAELens 6 wrote") from None
    if not all(type(asked[name]) is int for name in ("d_in", "d_sae")):
        raise CompanionError(f"{path}: d_in {asked['d_in']!r} and d_sae {asked['d_sae']!r} must be whole numbers")
    if asked["architecture"] not in RECIPES:
        known = ", ".join(RECIPES)
        raise CompanionError(f"{path}: architecture {asked['architecture']!r} is not known here; known: {known}")
    if not isinstance(config.get("metadata", {}), Mapping):
        raise CompanionError(f"{path}: metadata is no table; give a folder that SAELens 6 wrote")
    for name in ("normalize_activations", "reshape_activations"):
        if config.get(name, "none") != "none":
            raise CompanionError(f"{path}: {name} is {config[name]!r}; fold it into the weights with SAELens first")
    return config


def _weights(path: Path) -> dict[str, Tensor]:
    found = read_tensors(path, "give a folder that SAELens 6 wrote")
    return {name: tensor.float() for name, tensor in found.items()}
