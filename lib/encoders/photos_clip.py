"""The model of the photos world: two towers from the package index, joined by trained heads into one open_clip model.

The repository ships the heads and the config. This module assembles the whole model as a folder in open_clip's own
layout, and keeps it in the cache.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save

from lib.base.errors import NotAvailable
from lib.base.files import cache_folder, cached, sha256_file, write_json
from lib.base.places import MODELS
from lib.encoders.clip import CONFIG, WEIGHTS, ClipEncoder, load_clip
from lib.encoders.photo_towers import SHA256, TEXT_FOLDER, image_trunk, package_path, text_transformer
from lib.encoders.tensors import read_tensors

NAME = "photos-clip"
HEADS = MODELS / NAME / "heads.safetensors"
TOKENIZER_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def photos_clip(device: str = "cpu") -> ClipEncoder:
    """Load the model, ready to encode. Raises NotAvailable without the two packages of the extra `photos`."""
    encoder = load_clip(photos_folder(), device=device)
    identity = {**encoder.identity, "sha256": _sources()}  # its config contains a path, which decides nothing
    return replace(encoder, name=NAME, identity=identity)


def photos_folder() -> Path:
    """Return the model's folder in the cache; `open_clip.create_model_from_pretrained("local-dir:FOLDER")` also loads
    it.

    open_clip finds the text tower's config by an absolute path, so a folder that was moved has to be made again.
    """
    if not HEADS.is_file():
        raise NotAvailable("the photos model's heads are not here; run python -m lib.encoders.training.photos_heads")
    key: dict[str, Any] = {"model": NAME, "sources": _sources()}
    key["folder"] = str(cache_folder("models", key).parent)
    return cached("models", key, write_model)


def write_model(folder: Path) -> None:
    """Write config, weights and tokenizer of the model into a folder."""
    tower = package_path(*TEXT_FOLDER)
    for name in TOKENIZER_FILES:
        shutil.copyfile(tower / name, folder / name)
    config = json.loads((HEADS.parent / CONFIG).read_text())
    config["model_cfg"]["text_cfg"]["hf_model_name"] = str(folder)
    write_json(folder / CONFIG, config)
    weights = read_tensors(HEADS, "restore it from the repository")
    trunk = image_trunk()
    trunk.reset_classifier(0)  # type: ignore[operator]
    weights |= {f"visual.trunk.{name}": value for name, value in trunk.state_dict().items()}
    weights |= {f"text.transformer.{name}": value for name, value in text_transformer().state_dict().items()}
    plain = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    (folder / WEIGHTS).write_bytes(save(plain, {"format": "pt"}))


def _sources() -> dict[str, str]:
    return {**SHA256, "heads": sha256_file(HEADS), "config": sha256_file(HEADS.parent / CONFIG)}
