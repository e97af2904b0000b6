"""Checks of the exercises of notebook 12, steering."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def clamp_tokens(answer: Callable[..., Tensor]) -> str | None:
    """Asks for the edited tokens, as many and as long as the decoded ones."""
    generator = torch.Generator().manual_seed(0)
    code, W_dec = torch.rand(5, 8, generator=generator), torch.randn(8, 3, generator=generator)
    wanted = code.clone()
    wanted[:, 2] = 4.0
    found, decoded = answer(code, code @ W_dec, W_dec, 2, 4.0), code @ W_dec
    if found.shape != decoded.shape:
        return f"five tokens of three numbers become {tuple(found.shape)}; each token needs a change of its own"
    if torch.allclose(found, decoded + 4.0 * W_dec[2]):
        return "this adds the new value to the old one; subtract the old value first"
    if not torch.allclose(found, wanted @ W_dec, atol=1e-5):
        return "it is not what decoding the code with latent k set to alpha gives"
    return None


def both(answer: Callable[..., float]) -> str | None:
    """Asks for one number, the mean over the answers."""
    named, formed = np.array([1.0, 1, 0, 1]), np.array([0.0, 1, 1, 0])
    kept = np.array([0.0, 0.6, 1.0, 0.2])
    found = float(answer(named, formed, kept))
    if np.isclose(found, named.mean() * formed.mean() * kept.mean()):
        return "this is the product of three means; multiply the three numbers of each answer first"
    if np.isclose(found, (named * kept).mean()):
        return "answers that are not well formed count here; they should count as 0"
    if not np.isclose(found, 0.15):
        return f"of four answers one is named and well formed and keeps 0.6; you give {found:.3f}, not 0.15"
    return None


def leaky_direction(answer: Callable[..., tuple[float, float]]) -> str | None:
    """Asks for two numbers, what is taken along with the correlation and without it."""
    along, alone = (float(one) for one in answer())
    if abs(alone) > 0.05:
        return f"independent concepts give {alone:.2f}: where white is as frequent with red as without, it cancels"
    if np.isclose(along, 0.8, atol=0.04):
        return "this is the share of white among red; subtract the share among the others"
    if not np.isclose(along, 0.6, atol=0.05):
        return f"the correlated case gives {along:.2f}: subtract how often white is there without red"
    return None
