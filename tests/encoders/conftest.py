"""A real open_clip model with random weights, small enough for every test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lib.encoders.clip import CONFIG, WEIGHTS, ClipEncoder, load_clip
from lib.encoders.shim import ensure_torchvision

ensure_torchvision()  # the test files import open_clip, timm and transformers

MODEL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
PREPROCESS = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "interpolation": "bilinear", "resize_mode": "squash"}


def random_weights(seed: int = 0) -> dict[str, torch.Tensor]:
    import open_clip

    generator = torch.Generator().manual_seed(seed)
    weights = open_clip.CLIP(**MODEL).state_dict()
    for name, tensor in weights.items():
        if tensor.is_floating_point() and name != "attn_mask":
            noise = torch.randn(tensor.shape, generator=generator) * 0.15
            weights[name] = noise + 1 if "ln_" in name and name.endswith("weight") else noise
    return weights


def save_model(folder: Path, weights: dict[str, torch.Tensor]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps({"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}))
    save_file(weights, folder / WEIGHTS)
    return folder


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "tiny-clip", random_weights())


@pytest.fixture(scope="session")
def clip(clip_folder: Path) -> ClipEncoder:
    return load_clip(clip_folder)


@pytest.fixture(autouse=True)
def _own_cache(cache: Path) -> None:
    """No test sees what another one cached."""
