"""Dictionaries in the folder format of SAELens 6 (decoderesearch/SAELens): cfg.json and sae_weights.safetensors.

    ours                       architecture there
    relu                       standard
    topk                       topk
    batch_topk, matryoshka     jumprelu, the scalar threshold repeated for each latent: they are that at inference
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

from lib.base.errors import CompanionError
from lib.base.files import write_atomic, write_json
from lib.encoders.tensors import read_tensors
from lib.sae.base import SAE, Dictionary, one_tower
from lib.sae.config import SAEConfig
from lib.sae.recipes import build
from lib.sae.storage import filled

CONFIG = "cfg.json"
WEIGHTS = "sae_weights.safetensors"
FORMAT = "6.0.0"
"""The first version of SAELens with this format; later ones can read it, earlier ones had other entries."""

ARCHITECTURES = {
    "relu": "standard",
    "topk": "topk",
    "batch_topk": "jumprelu",
    "matryoshka": "jumprelu",
    "jumprelu": "jumprelu",
}
RECIPES = {"standard": "relu", "topk": "topk", "jumprelu": "jumprelu"}

_ENTRIES = frozenset(
    {
        *("architecture", "d_in", "d_sae", "dtype", "device", "metadata"),
        *("apply_b_dec_to_input", "normalize_activations", "reshape_activations"),
    }
)
_TOPK_ENTRIES = frozenset({"k", "rescale_acts_by_decoder_norm"})
"""The entries that SAELens 6 writes for TopK, in addition to those of every architecture; others are refused.

Another entry may change what a dictionary computes, and so may the default of a missing one: SAELens 5 wrote TopK
as `standard` with an `activation_fn_str`.
"""

_METADATA = frozenset(
    {
        *("sae_lens_version", "sae_lens_training_version", "training_architecture", "training_architecture_details"),
        *("model_name", "model_class_name", "model_from_pretrained_kwargs", "hook_name", "hf_hook_name"),
        *("hook_head_index", "dataset_path", "context_size", "seqpos_slice", "prepend_bos", "neuronpedia_id"),
        *("exclude_special_tokens", "sequence_separator_token", "disable_concat_sequences", "num_dead_features"),
        *("recipe", "k"),
    }
)
"""Notes of SAELens 6 and `save_saelens` on a dictionary and its training; none of them changes what it computes."""

_DTYPES = frozenset({"float64", "float32", "float16", "bfloat16"})

_TYPES = {"d_in": int, "d_sae": int, "k": int, "apply_b_dec_to_input": bool, "rescale_acts_by_decoder_norm": bool}
"""Types of the entries that decide what a dictionary computes."""


def save_saelens(sae: Dictionary, folder: Path, **about: str) -> None:
    """Write a dictionary so that `sae_lens.SAE.load_from_disk(folder)` computes the same codes and reconstructions.

    about: entries for SAELens's metadata, such as model_name and hook_name. Raises CompanionError for a dictionary that
    is not a one-tower one, for which SAELens has no architecture.
    """
    sae = one_tower(sae, "SAELens")
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
    """Read the dictionary of a SAELens folder, in evaluation mode and float32.

    Settings that change what a dictionary computes are folded into the weights (no pre-bias at the input, decoder
    norms in the selection) or refused (scaled or reshaped inputs). The configuration must have every entry of SAELens 6
    and no other. An error names the entry.
    """
    config = _config(folder / CONFIG)
    weights = _weights(folder / WEIGHTS)
    recipe, d, width = RECIPES[config["architecture"]], config["d_in"], config["d_sae"]
    wanted = {"W_enc": (d, width), "b_enc": (width,), "W_dec": (width, d), "b_dec": (d,)}
    wanted |= {"threshold": (width,)} if recipe == "jumprelu" else {}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if found != wanted:
        raise CompanionError(f"{folder / WEIGHTS} has {found} where {CONFIG} asks for {wanted}; get both files again")
    if config.get("rescale_acts_by_decoder_norm"):  # TopK has it
        norms = weights["W_dec"].norm(dim=-1).clamp_min(1e-8)
        weights["W_enc"], weights["b_enc"] = weights["W_enc"] * norms, weights["b_enc"] * norms
        weights["W_dec"] = weights["W_dec"] / norms[:, None]
    if not config["apply_b_dec_to_input"]:
        weights["b_enc"] = weights["b_enc"] + weights["b_dec"] @ weights["W_enc"]
    weights["encoder"] = weights.pop("W_enc").T.contiguous()
    k = config.get("k", config["metadata"].get("k", 1))  # JumpReLU and ReLU ignore it at inference
    return one_tower(filled(build(SAEConfig(recipe, width, k), d), weights, str(folder / WEIGHTS)), "SAELens")


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        architecture = config["architecture"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CompanionError(f"cannot read {path} ({error!r}); give a folder that SAELens 6 wrote") from None
    if not isinstance(architecture, str) or architecture not in RECIPES:
        known = ", ".join(RECIPES)
        raise CompanionError(f"{path}: architecture {architecture!r} is not known here; known: {known}")
    _check_entries(path, config, _ENTRIES | (_TOPK_ENTRIES if architecture == "topk" else frozenset()))
    for name, kind in _TYPES.items():
        if name in config and type(config[name]) is not kind:
            wanted = "true or false" if kind is bool else "a whole number"
            raise CompanionError(f"{path}: {name} is {config[name]!r} in place of {wanted}; correct it")
    for name in ("normalize_activations", "reshape_activations"):
        if config[name] != "none":
            raise CompanionError(f"{path}: {name} is {config[name]!r}; fold it into the weights with SAELens first")
    if str(config["dtype"]).removeprefix("torch.") not in _DTYPES:
        raise CompanionError(f"{path}: dtype is {config['dtype']!r}; known: {', '.join(sorted(_DTYPES))}")
    _check_metadata(path, config["metadata"])
    return config


def _check_entries(path: Path, config: Mapping[str, Any], wanted: frozenset[str]) -> None:
    """Refuse entries that SAELens 6 does not write for an architecture, and a configuration that lacks one of its
    entries.
    """
    if strange := sorted(set(config) - wanted):
        raise CompanionError(
            f"{path}: entry {strange[0]!r} is not one of SAELens 6; save the dictionary with that version"
        )
    if absent := sorted(wanted - set(config)):
        raise CompanionError(
            f"{path}: no entry {absent[0]!r}, which decides what the dictionary computes; save it with SAELens 6, or "
            "add the value from its training"
        )


def _check_metadata(path: Path, metadata: Any) -> None:
    """Refuse a dictionary of another version than 6, and metadata of unknown meaning."""
    if not isinstance(metadata, Mapping):
        raise CompanionError(f"{path}: metadata is not a table; give a folder that SAELens 6 wrote")
    if not str(version := metadata.get("sae_lens_version")).startswith("6."):
        raise CompanionError(f"{path}: metadata.sae_lens_version is {version!r}; save the dictionary with SAELens 6")
    if strange := sorted(set(metadata) - _METADATA):
        raise CompanionError(
            f"{path}: metadata.{strange[0]} is not known here; remove it if the dictionary computes the same without it"
        )


def _weights(path: Path) -> dict[str, Tensor]:
    found = read_tensors(path, "give a folder that SAELens 6 wrote")
    return {name: tensor.float() for name, tensor in found.items()}
