"""What a stack changes is changed in its members, weights, buffers and moments, and each member has its own part."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from lib.sae.training.shared_state import share_moments, share_weights


class Model(nn.Module):
    """A parameter in a part, one of no dimension, and a buffer."""

    mean: torch.Tensor

    def __init__(self, value: float) -> None:
        super().__init__()
        self.part = nn.Linear(2, 3)
        self.scale = nn.Parameter(torch.tensor(value))
        self.register_buffer("mean", torch.full((2,), value))


def descend(model: Model, optimiser: torch.optim.Adam, number: int) -> None:
    """Make a step of run `number`, whose loss is its own."""
    optimiser.zero_grad()
    ((model.part.weight.square().sum() + model.scale.square()) * (number + 1)).backward()
    optimiser.step()


def stacked(steps: int) -> tuple[Model, torch.optim.Adam, list[Any]]:
    """A stack of three runs that have made some steps of their own."""
    runs: list[Any] = []
    for number in range(3):
        model = Model(float(number))
        optimiser = torch.optim.Adam(model.parameters(), lr=0.1, fused=True)
        for _ in range(steps):
            descend(model, optimiser, number)
        runs.append(SimpleNamespace(model=model, optimiser=optimiser))
    stack = Model(0.0)
    share_weights(stack, [run.model for run in runs])
    optimiser = torch.optim.Adam(stack.parameters(), lr=0.1, fused=True)
    share_moments(stack, optimiser, runs)
    return stack, optimiser, runs


def test_weights_and_buffers_of_the_stack_are_those_of_its_members() -> None:
    stack, _, runs = stacked(steps=0)
    assert stack.part.weight.shape == (3, 3, 2) and stack.scale.tolist() == [0, 1, 2]
    with torch.no_grad():
        stack.part.weight[1].fill_(7)
        stack.scale.mul_(2)
        stack.mean[2].fill_(9)
    assert (runs[1].model.part.weight == 7).all() and not (runs[0].model.part.weight == 7).any()
    assert [run.model.scale.item() for run in runs] == [0, 2, 4]
    assert runs[2].model.mean.tolist() == [9, 9] and runs[0].model.mean.tolist() == [0, 0]


def test_a_step_of_the_stack_is_the_step_that_each_member_would_make() -> None:
    stack, optimiser, runs = stacked(steps=2)
    alone = [deepcopy(run) for run in runs]
    optimiser.zero_grad()
    losses = (stack.part.weight.square().sum(dim=(1, 2)) + stack.scale.square()) * torch.arange(1.0, 4.0)
    losses.sum().backward()
    optimiser.step()
    for number, (run, other) in enumerate(zip(runs, alone, strict=True)):
        descend(other.model, other.optimiser, number)
        torch.testing.assert_close(run.model.part.weight, other.model.part.weight)
        torch.testing.assert_close(run.model.scale, other.model.scale)
        for key, moment in other.optimiser.state[other.model.part.weight].items():
            torch.testing.assert_close(run.optimiser.state[run.model.part.weight][key], moment)
