"""Toy data, and the slow obvious versions that the fast ones are compared with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from lib.encoders.embeddings import Embeddings
from lib.sae.base import SAE, Dictionary, one_tower
from lib.sae.config import PairedConfig, SAEConfig, TwoTowerConfig
from lib.sae.models.paired import Paired
from lib.sae.models.two_towers import TwoTowers
from lib.sae.recipes import build
from lib.sae.sparse import Code, Pattern

PAIR = ("image", "text")
THREE = ("image", "text", "audio")
NONE = torch.zeros(0, dtype=torch.int64)
"""No dead latents."""


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
    """A float64 dictionary of one tower with random weights and unit decoder rows."""
    sae = one_tower(build(SAEConfig(recipe, width, k), d), "a toy")
    randomise(sae, 0.3, seed)
    sae.normalise_decoder()
    return sae


def random_two_towers(recipe: str, d: int = 5, width: int = 12, k: int = 3) -> TwoTowers:
    """A float64 dictionary of two towers with random weights."""
    sae = build(TwoTowerConfig(recipe, width, k, l1=0.1), d)
    assert isinstance(sae, TwoTowers)
    randomise(sae, 1.0, 0)
    return sae


def random_paired(recipe: str, modalities=PAIR, biases: int = 2, k: int = 3, **rest) -> Paired:
    """A float64 shared dictionary with random weights and unit decoder rows."""
    sae = build(PairedConfig(recipe, 12, k, modalities=modalities, biases=biases, penalty=0.3, **rest), 5)
    assert isinstance(sae, Paired)
    randomise(sae, 0.3, 3)
    sae.normalise_decoder()
    return sae


def randomise(sae: Dictionary, size: float, seed: int) -> None:
    """Float64 parameters, normal with a standard deviation of `size`."""
    generator = torch.Generator().manual_seed(seed)
    sae.double()
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter.copy_(size * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


def random_rows(n: int = 7, d: int = 5, seed: int = 1) -> Tensor:
    """Float64 rows."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_pairs(members: int = 2, n: int = 6) -> Tensor:
    """Float64 pairs (n, members, 5)."""
    return torch.randn(n, members, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def dense_code(matrix: Tensor) -> Code:
    """The code of a dense matrix."""
    positions = matrix.flatten().nonzero()[:, 0]
    return Code(Pattern(positions, *matrix.shape), matrix.flatten()[positions])


def dense_pre(sae: SAE, x: Tensor) -> Tensor:
    """Pre-activations by the definition, differentiable."""
    return (x - sae.b_dec) @ sae.W_enc + sae.b_enc


def dense_activations(sae: SAE, x: Tensor, positions: Tensor) -> Tensor:
    """ReLU of the pre-activations at the positions, zero elsewhere, differentiable through dense products."""
    pre = dense_pre(sae, x)
    mask = torch.zeros(pre.numel(), dtype=pre.dtype)
    mask[positions] = 1
    return torch.relu(pre) * mask.view_as(pre)


def slow_codes(sae: Paired, x: Tensor) -> Tensor:
    """(pairs, members, width), one row after the other by the definition; TopK only."""
    rows = []
    for pair in x:
        for member, row in enumerate(pair):
            hidden = torch.relu(sae.W_enc.t() @ (row - sae.biases[member % len(sae.biases)]) + sae.b_enc)
            keep = torch.zeros_like(hidden)
            keep[hidden.detach().topk(sae.config.k).indices] = 1
            rows.append(hidden * keep)
    return torch.stack(rows).view(len(x), x.shape[1], sae.width)


def slow_error(sae: Paired, x: Tensor, z: Tensor) -> Tensor:
    """The squared error of pairs by the definition, summed over members, averaged over pairs."""
    return (x - z @ sae.W_dec - sae.biases).square().sum() / len(x)


def gradients(sae: Dictionary, loss: Tensor) -> dict[str, Tensor]:
    """Gradients of all parameters by name; zero where the loss does not reach."""
    names, parameters = zip(*sae.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return {n: torch.zeros_like(p) if g is None else g for n, p, g in zip(names, parameters, found, strict=True)}


def assert_same_gradients(sae: Dictionary, fast: Tensor, slow: Tensor) -> None:
    """Two losses have the same value and the same gradients."""
    torch.testing.assert_close(fast, slow)
    expected = gradients(sae, slow)
    for name, gradient in gradients(sae, fast).items():
        torch.testing.assert_close(gradient, expected[name], msg=lambda m, name=name: f"{name}: {m}")


class Term(nn.Module):
    """A loss term as a module, for `gradcheck` over the parameters of its dictionary."""

    def __init__(self, sae: Dictionary, term) -> None:
        super().__init__()
        self.sae = sae
        self.term = term

    def forward(self) -> Tensor:
        return self.term(self.sae)


def check_gradients(sae: Dictionary, term) -> bool:
    """`gradcheck` of `term(sae)` with respect to every parameter."""
    module = Term(sae, term)
    names = [name for name, _ in module.named_parameters()]

    def call(*values: Tensor) -> Tensor:
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), ())

    values = [parameter.detach().clone().requires_grad_() for parameter in module.parameters()]
    return torch.autograd.gradcheck(call, values)
