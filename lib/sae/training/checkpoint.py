"""The exact state of a training run in one safetensors file, so that a killed run continues as if not killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lib.base.errors import CompanionError
from lib.base.files import write_atomic

FILE = "checkpoint.safetensors"


class Resumable:
    """A training by Adam that can stop after any step: its checkpoint holds all that the next step needs."""

    name: ClassVar[str]
    """The attribute that holds the model, which is also the prefix of its weights in the file."""
    own: ClassVar[tuple[str, ...]] = ("order",)
    """Attributes that are also tensors of the state, besides weights, moments and generator."""

    key: str
    """Digest of everything that decides the weights; a checkpoint with another key is refused."""
    optimiser: torch.optim.Adam
    generator: torch.Generator
    """The source of everything random."""
    order: Tensor
    """The order of the rows in this epoch, (n,)."""
    step: int
    """Number of steps made."""
    history: list[list[float]]
    """Rows of the history so far."""

    @property
    def model(self) -> nn.Module:
        """The model in training."""
        return getattr(self, self.name)

    def tensors(self) -> dict[str, Tensor]:
        """Return the state as named tensors."""
        weights = {f"{self.name}.{name}": tensor for name, tensor in self.model.state_dict().items()}
        own = {name: getattr(self, name) for name in self.own} | {"rng": self.generator.get_state()}
        return weights | _optimiser_state(self.model, self.optimiser) | own

    def save(self, folder: Path) -> None:
        """Write the checkpoint into a folder."""
        save_checkpoint(folder, self.tensors(), {"key": self.key, "step": self.step, "history": self.history})

    def restore(self, folder: Path) -> None:
        """Continue from the folder's checkpoint, if it has one and it belongs to this run."""
        found = load_checkpoint(folder, self.key)
        if found is None:
            return
        tensors, facts = found
        with _fitting(folder):
            prefix = f"{self.name}."
            self.model.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
            _restore_optimiser(self.model, self.optimiser, tensors)
            for name in self.own:
                setattr(self, name, tensors[name].to(getattr(self, name).device))
            self.generator.set_state(tensors["rng"])
            self.step, self.history = facts["step"], facts["history"]


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors, and plain-JSON facts in the header; the file is replaced as a whole or not at all."""
    plain = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    write_atomic(folder / FILE, save(plain, metadata={"facts": json.dumps(facts)}))


def load_checkpoint(folder: Path, key: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Read what `save_checkpoint` wrote; None if the folder has no checkpoint. key: the run's, among the facts."""
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
        raise CompanionError(f"the checkpoint in {folder} belongs to another run; give this run its own folder")
    return tensors, facts


@contextmanager
def _fitting(folder: Path) -> Iterator[None]:
    """Report in one line that a checkpoint lacks tensors or has others, as if another version had written it."""
    try:
        yield
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CompanionError(
            f"the checkpoint in {folder} does not fit this version ({reason}); delete it and train again"
        ) from None


def _optimiser_state(model: nn.Module, optimiser: torch.optim.Adam) -> dict[str, Tensor]:
    """Return Adam's moments and step counts as `adam.<parameter>.<entry>`."""
    states = [(name, optimiser.state[parameter]) for name, parameter in model.named_parameters()]
    return {f"adam.{name}.{key}": value for name, state in states for key, value in state.items()}


def _restore_optimiser(model: nn.Module, optimiser: torch.optim.Adam, tensors: dict[str, Tensor]) -> None:
    """Restore what `_optimiser_state` returned."""
    for name, parameter in model.named_parameters():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            optimiser.state[parameter][key] = tensors[f"adam.{name}.{key}"].to(parameter.device)
