"""InfoNCE against a loop over pairs, its gradient, and an autoencoder that brings two rotated copies together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lib.data.errors import CompanionError
from lib.encoders.embeddings import Embeddings
from lib.sae.auxiliary import TEMPERATURE, info_nce, train_auxiliary
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


def test_errors() -> None:
    with pytest.raises(CompanionError, match="unknown similarity 'l2'"):
        info_nce(torch.ones(2, 2), torch.ones(2, 2), "l2")  # type: ignore[arg-type]
    for image, text in ((torch.ones(1, 2), torch.ones(1, 2)), (torch.ones(2, 2), torch.ones(3, 2))):
        with pytest.raises(CompanionError, match="at least two pairs"):
            info_nce(image, text)
