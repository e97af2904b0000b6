"""The exact state of a training run in one safetensors file, so that a killed run goes on as if nothing happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lib.data.errors import CompanionError
from lib.data.files import write_atomic

FILE = "checkpoint.safetensors"


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors, and plain-JSON facts in the header; the file is replaced as a whole or not at all."""
    plain = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    write_atomic(folder / FILE, save(plain, metadata={"facts": json.dumps(facts)}))


def load_checkpoint(folder: Path, key: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What `save_checkpoint` wrote, or None if the folder has no checkpoint. key: the run's, among the facts."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as stream:
            facts = json.loads(stream.metadata()["facts"])
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CompanionError(f"cannot read the checkpoint {path} ({error}); delete it and train again") from None
    if not isinstance(facts, dict) or facts.get("key") != key:
        raise CompanionError(f"the checkpoint in {folder} is of another run; give this run its own folder")
    return tensors, facts


@contextmanager
def fitting(folder: Path) -> Iterator[None]:
    """Tell in one line that a checkpoint lacks tensors or has others, as another version would write it."""
    try:
        yield
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CompanionError(
            f"the checkpoint in {folder} does not fit this version ({reason}); delete it and train again"
        ) from None


def optimiser_state(model: nn.Module, optimiser: torch.optim.Adam) -> dict[str, Tensor]:
    """Adam's moments and step counts as `adam.<parameter>.<entry>`."""
    states = [(name, optimiser.state[parameter]) for name, parameter in model.named_parameters()]
    return {f"adam.{name}.{key}": value for name, state in states for key, value in state.items()}


def restore_optimiser(model: nn.Module, optimiser: torch.optim.Adam, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimiser_state` took."""
    for name, parameter in model.named_parameters():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            optimiser.state[parameter][key] = tensors[f"adam.{name}.{key}"].to(parameter.device)
