"""InfoNCE against a loop over pairs, its gradient, and an autoencoder that brings two rotated copies together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.base.workers import Workers
from lib.encoders.embeddings import Embeddings
from lib.sae.models.auxiliary import TEMPERATURE, info_nce, train_auxiliaries, train_auxiliary
from tests.sae.reference import random_rows


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_info_nce_by_loops(similarity: str) -> None:
    x, y = random_rows(4, 3), random_rows(4, 3, seed=2)
    u, v = (x / x.norm(dim=1, keepdim=True), y / y.norm(dim=1, keepdim=True)) if similarity == "cosine" else (x, y)
    slow = 0.0
    for i in range(4):
        forward = torch.stack([u[i] @ v[j] for j in range(4)]) / TEMPERATURE
        backward = torch.stack([u[j] @ v[i] for j in range(4)]) / TEMPERATURE
        slow -= (forward.log_softmax(0)[i] + backward.log_softmax(0)[i]) / 4
    torch.testing.assert_close(info_nce(x, y, similarity), slow)
    assert torch.autograd.gradcheck(lambda a, b: info_nce(a, b, similarity), [x.requires_grad_(), y.requires_grad_()])


def test_pairs_come_together() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((200, 8)).astype(np.float32)
    other = (5 * rows @ np.linalg.qr(rng.standard_normal((8, 8)))[0]).astype(np.float32)
    data = Embeddings(np.arange(200).astype(str), rows, other, "toy", False, {"toy": 1})
    model = train_auxiliary(data, steps=150, batch=64, rate=3e-3)
    common = model.common(data)
    cosines = common.unit().tower("image") @ common.unit().tower("text").T
    assert (cosines.argmax(axis=1) == np.arange(200)).mean() > 0.8
    again = train_auxiliary(data, steps=150, batch=64, rate=3e-3)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_seeds_side_by_side_as_one_after_the_other() -> None:
    rows = np.random.default_rng(0).standard_normal((2, 40, 8)).astype(np.float32)
    data = Embeddings(np.arange(40).astype(str), *rows, "toy", False, {"toy": 1})
    found = train_auxiliaries(data, [3, 0], Workers(2), similarity="dot", steps=5, batch=16)
    assert [*found] == [3, 0]
    for seed, model in found.items():
        alone = train_auxiliary(data, similarity="dot", steps=5, batch=16, seed=seed)
        for a, b in zip(model.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(a, b)


def test_training_is_adamw_with_cosine_annealing() -> None:
    rng = np.random.default_rng(1)
    rows = (rng.standard_normal((2, 30, 3)) * [[[2.0]], [[7.0]]]).astype(np.float32)
    data = Embeddings(np.arange(30).astype(str), *rows, "toy", False, {"toy": 1})
    model = train_auxiliary(data, steps=3, batch=12, rate=1.0, seed=5)
    scales = [float(np.sqrt((part.astype(np.float64) ** 2).mean())) for part in rows]
    torch.testing.assert_close(model.scale, torch.tensor(scales))

    generator = torch.Generator().manual_seed(5)
    weights = {
        name: (2 * torch.rand(p.shape, generator=generator) - 1) / 3**0.5 for name, p in model.named_parameters()
    }
    first, second = ({name: torch.zeros_like(p) for name, p in weights.items()} for _ in range(2))
    for step, rate in enumerate([1.0, 0.75, 0.25]):
        chosen = torch.randperm(30, generator=generator)[:12]
        leaves = {name: p.requires_grad_() for name, p in weights.items()}
        common, error = [], 0.0
        for tower, part, scale in zip(("image", "text"), rows, scales, strict=True):
            x = torch.from_numpy(part)[chosen] / scale
            common.append(x @ leaves[f"encoders.{tower}.weight"].t() + leaves[f"encoders.{tower}.bias"])
            back = common[-1] @ leaves[f"decoders.{tower}.weight"].t() + leaves[f"decoders.{tower}.bias"]
            error = error + ((back - x) ** 2).mean()
        gradients = torch.autograd.grad(info_nce(*common) + error, list(leaves.values()))
        for (name, p), g in zip(weights.items(), gradients, strict=True):
            first[name], second[name] = 0.9 * first[name] + 0.1 * g, 0.999 * second[name] + 0.001 * g**2
            mean, square = first[name] / (1 - 0.9 ** (step + 1)), second[name] / (1 - 0.999 ** (step + 1))
            weights[name] = p.detach() * (1 - 0.01 * rate) - rate * mean / (square.sqrt() + 1e-8)
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.detach(), weights[name], rtol=1e-5, atol=1e-5)
    assert not model.training


def test_what_is_decoded_has_the_scale_of_the_input() -> None:
    rows = np.random.default_rng(2).standard_normal((2, 20, 3)).astype(np.float32) * 9
    model = train_auxiliary(Embeddings(np.arange(20).astype(str), *rows, "toy", False, {"toy": 1}), steps=2)
    for place, tower in enumerate(("image", "text")):
        x, scale = torch.from_numpy(rows[place]), model.scale[place]
        encoder, decoder = model.encoders[tower], model.decoders[tower]
        torch.testing.assert_close(model.encode(x, tower), (x / scale) @ encoder.weight.t() + encoder.bias)
        z = model.encode(x, tower)
        torch.testing.assert_close(model.decode(z, tower), (z @ decoder.weight.t() + decoder.bias) * scale)


def test_errors() -> None:
    with pytest.raises(CompanionError, match="unknown similarity 'l2'"):
        info_nce(torch.ones(2, 2), torch.ones(2, 2), "l2")  # type: ignore[arg-type]
    for image, text in ((torch.ones(1, 2), torch.ones(1, 2)), (torch.ones(2, 2), torch.ones(3, 2))):
        with pytest.raises(CompanionError, match="at least two pairs"):
            info_nce(image, text)
