"""Models of transformers from a folder: where it is, what it holds, and weights that fit. Nothing but safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import torch

from lib.base.errors import CompanionError
from lib.base.places import MODELS
from lib.encoders.hub import hub_folder
from lib.encoders.shim import ensure_torchvision

ensure_torchvision()
import transformers  # noqa: E402 (torchvision must be mended first)

M = TypeVar("M", bound=torch.nn.Module)


def find_folder(name: str, kinds: tuple[str, ...], files: tuple[str, ...], revision: str | None) -> Path:
    """The folder of a model: `hf-hub:org/repo`, a path, or a shipped one. kinds: as people write them (LLaVA)."""
    if name.startswith("hf-hub:"):
        return hub_folder(name.removeprefix("hf-hub:"), revision, files)
    for folder in (Path(name).expanduser(), MODELS / name):
        if folder.is_dir():
            return folder.resolve()
    shipped = ", ".join(path.name for path in sorted(MODELS.iterdir()) if _kind_of(path, kinds))
    raise CompanionError(
        f"no {' or '.join(kinds)} {name!r}: neither a folder nor hf-hub:org/repo nor a shipped model ({shipped})"
    )


def read_config(folder: Path) -> dict[str, Any]:
    """A folder's config, empty where it has none that can be read."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def check_folder(folder: Path, kinds: tuple[str, ...]) -> str:
    """Of what kind a folder is; refuse one of no such kind of model, or without safetensors."""
    kind = _kind_of(folder, kinds)
    if kind is None:
        found = read_config(folder).get("model_type")
        raise CompanionError(f"{folder}: its config is of {found!r}; give a folder with that of a {' or '.join(kinds)}")
    if not any(folder.glob("*.safetensors")):
        raise CompanionError(f"{folder} holds no weights in safetensors, the only format that is read; convert them")
    return kind


def _kind_of(folder: Path, kinds: tuple[str, ...]) -> str | None:
    """The kind whose name transformers writes into configs, such as qwen2_vl for Qwen2-VL."""
    found = read_config(folder).get("model_type")
    return next((kind for kind in kinds if kind.lower().replace("-", "_") == found), None)


def load_weights(model_class: type[M], folder: Path, dtype: Any) -> M:
    """The model with all its weights, finite ones, and no others."""
    bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.disable_progress_bar()  # a bar for every load would stand in every notebook
    try:
        loaded: Any = model_class.from_pretrained(  # type: ignore[attr-defined]
            folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    finally:
        if bars:
            transformers.logging.enable_progress_bar()
    model, report = loaded
    lost = sorted({*report["missing_keys"], *report["unexpected_keys"]})
    if lost:
        raise CompanionError(f"{folder}: config and weights do not fit, first at {lost[0]!r}; get the files again")
    for key, tensor in model.named_parameters():
        if not torch.isfinite(tensor).all():
            raise CompanionError(f"{folder}: weights {key!r} hold NaN or infinity; get the files again")
    return model
