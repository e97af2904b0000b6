"""Toy data, and the slow obvious versions that the fast ones are compared with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from lib.encoders.embeddings import Embeddings
from lib.sae.base import SAE
from lib.sae.config import SAEConfig
from lib.sae.recipes import build


def toy(n: int = 600, d: int = 16, seed: int = 0, scale: float = 1.0) -> Embeddings:
    """Rows that are sums of a few of 24 directions, and a little noise."""
    rng = np.random.default_rng(7)
    directions = rng.normal(size=(24, d)) / np.sqrt(d)
    rng = np.random.default_rng(seed)
    active = (rng.random((n, 24)) < 0.1) * rng.uniform(0.5, 1.5, (n, 24))
    rows = active @ directions + 0.02 * rng.normal(size=(n, d)) + 0.3
    matrix = (scale * rows).astype(np.float32)
    return Embeddings(np.arange(n).astype(str), matrix, -matrix, "toy", False, {"toy": [n, d, seed, scale]})


def random_sae(recipe: str, d: int = 5, width: int = 12, k: int = 3, seed: int = 0) -> SAE:
    """A float64 dictionary with random weights and unit decoder rows."""
    generator = torch.Generator().manual_seed(seed)
    sae = build(SAEConfig(recipe, width, k), d).double()
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    sae.normalise_decoder()
    return sae


def random_rows(n: int = 7, d: int = 5, seed: int = 1) -> Tensor:
    """Float64 rows."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense_pre(sae: SAE, x: Tensor) -> Tensor:
    """Pre-activations by the definition, differentiable."""
    return (x - sae.b_dec) @ sae.W_enc + sae.b_enc


def dense_activations(sae: SAE, x: Tensor, positions: Tensor) -> Tensor:
    """ReLU of the pre-activations at the positions, zero elsewhere, differentiable through dense products."""
    pre = dense_pre(sae, x)
    mask = torch.zeros(pre.numel(), dtype=pre.dtype)
    mask[positions] = 1
    return torch.relu(pre) * mask.view_as(pre)


def gradients(sae: SAE, loss: Tensor) -> dict[str, Tensor]:
    """Gradients of all parameters by name; zero where the loss does not reach."""
    names, parameters = zip(*sae.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return {n: torch.zeros_like(p) if g is None else g for n, p, g in zip(names, parameters, found, strict=True)}


def assert_same_gradients(sae: SAE, fast: Tensor, slow: Tensor) -> None:
    """Two losses have the same value and the same gradients."""
    torch.testing.assert_close(fast, slow)
    expected = gradients(sae, slow)
    for name, gradient in gradients(sae, fast).items():
        torch.testing.assert_close(gradient, expected[name], msg=lambda m, name=name: f"{name}: {m}")


class Term(nn.Module):
    """A loss term as a module, for `gradcheck` over the parameters of its dictionary."""

    def __init__(self, sae: SAE, term) -> None:
        super().__init__()
        self.sae = sae
        self.term = term

    def forward(self) -> Tensor:
        return self.term(self.sae)


def check_gradients(sae: SAE, term) -> bool:
    """`gradcheck` of `term(sae)` with respect to every parameter."""
    module = Term(sae, term)
    names = [name for name, _ in module.named_parameters()]

    def call(*values: Tensor) -> Tensor:
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), ())

    values = [parameter.detach().clone().requires_grad_() for parameter in module.parameters()]
    return torch.autograd.gradcheck(call, values)
