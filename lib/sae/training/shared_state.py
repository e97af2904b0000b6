"""State that a stack of trainings shares with its members: the weights and moments of each are parts of the stack's.

So each member's state is always that of the last step, and it can be measured, saved and continued alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from lib.sae.training.checkpoint import Resumable


def share_weights(stack: nn.Module, members: Sequence[nn.Module]) -> None:
    """Give a stack the members' parameters and buffers with a leading dimension, and the members their parts of it."""
    for name, _ in list(stack.named_parameters()):
        parts = [member.get_parameter(name) for member in members]
        whole = torch.stack([part.detach() for part in parts])
        _replace(stack, name, nn.Parameter(whole))
        for own, part in zip(parts, whole, strict=True):
            own.data = part
    for name, _ in list(stack.named_buffers()):
        whole = torch.stack([member.get_buffer(name) for member in members])
        _replace(stack, name, whole)
        for member, part in zip(members, whole, strict=True):
            _replace(member, name, part)


def share_moments(stack: nn.Module, optimiser: torch.optim.Adam, runs: Sequence[Resumable]) -> None:
    """Join the moments of runs whose weights a stack shares as those of its parameters, and make theirs parts of it."""
    for name, parameter in stack.named_parameters():
        parts = [run.model.get_parameter(name) for run in runs]
        states = [run.optimiser.state[part] for run, part in zip(runs, parts, strict=True)]
        state = optimiser.state[parameter]
        state["step"] = states[0].get("step", torch.zeros(())).clone()
        for key in ("exp_avg", "exp_avg_sq"):
            state[key] = torch.stack(
                [own.get(key, torch.zeros_like(part)) for own, part in zip(states, parts, strict=True)]
            )
        for i, own in enumerate(states):
            own |= {key: value if key == "step" else value[i] for key, value in state.items()}


def _replace(module: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Set a parameter or a buffer by its name, which may be that of a part of the module."""
    owner, _, last = name.rpartition(".")
    setattr(module.get_submodule(owner), last, tensor)
