"""Models of transformers in a folder: find it, check it, and load its weights, from safetensors only."""

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
import transformers  # noqa: E402 (torchvision must work first)

M = TypeVar("M", bound=torch.nn.Module)


def find_folder(name: str, kinds: tuple[str, ...], files: tuple[str, ...], revision: str | None) -> Path:
    """Find the folder of a model: `hf-hub:org/repo`, a path, or a shipped one. kinds: as people write them (LLaVA)."""
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
    """Read a folder's config; empty if it has none that can be read."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def check_folder(folder: Path, kinds: tuple[str, ...]) -> str:
    """Return the kind of a folder's model; refuse another kind, or a folder without safetensors."""
    kind = _kind_of(folder, kinds)
    if kind is None:
        found = read_config(folder).get("model_type")
        raise CompanionError(f"{folder}: its config is that of {found!r}; give the folder of a {' or '.join(kinds)}")
    if not any(folder.glob("*.safetensors")):
        raise CompanionError(f"{folder} has no weights in safetensors, the only format that is read; convert them")
    return kind


def _kind_of(folder: Path, kinds: tuple[str, ...]) -> str | None:
    """Return the kind whose name transformers writes into configs, such as qwen2_vl for Qwen2-VL."""
    found = read_config(folder).get("model_type")
    return next((kind for kind in kinds if kind.lower().replace("-", "_") == found), None)


def load_weights(model_class: type[M], folder: Path, dtype: Any) -> M:
    """Load the model with exactly its weights, all of them finite."""
    bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.disable_progress_bar()  # otherwise every notebook would show a bar for every load
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
            raise CompanionError(f"{folder}: weights {key!r} contain NaN or infinity; get the files again")
    return model
