"""The auxiliary autoencoder: linear maps that bring a multimodal LLM's pictures and words into one space.

Shen et al. 2025, arXiv 2510.21323, Eq. 3 and A12: linear maps E_v, E_l, and back D_v, D_l, trained with

    InfoNCE(E_v x_v, E_l x_l) + |D_v E_v x_v - x_v|^2 + |D_l E_l x_l - x_l|^2

and the other pairs of the batch as negatives. Paper: cosine over 0.07, the sum of two cross-entropies, squared norms.
Released code: raw dot product over 0.07 (the normalisation is commented out), half the sum, means over dimensions.
`similarity` chooses cosine or dot; we always take the sum and the means, which keep the two terms similar in size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.base.errors import CompanionError
from lib.base.progress import progress
from lib.base.workers import Workers
from lib.encoders.embeddings import Embeddings, Tower
from lib.sae.base import as_tensor
from lib.sae.models.two_towers import TOWERS

Similarity = Literal["cosine", "dot"]
TEMPERATURE = 0.07


def info_nce(image: Tensor, text: Tensor, similarity: Similarity = "cosine") -> Tensor:
    """Cross-entropy of finding each row's partner among all rows, (n, d) each, summed over both directions."""
    if similarity not in get_args(Similarity):
        raise CompanionError(f"unknown similarity {similarity!r}; choose cosine or dot")
    if image.shape != text.shape or len(image) < 2:
        shapes = f"{tuple(image.shape)} and {tuple(text.shape)}"
        raise CompanionError(f"InfoNCE of rows {shapes}; give at least two pairs of one width")
    if similarity == "cosine":
        image, text = F.normalize(image, dim=1), F.normalize(text, dim=1)
    logits = image @ text.t() / TEMPERATURE
    own = torch.arange(len(logits), device=logits.device)
    return F.cross_entropy(logits, own) + F.cross_entropy(logits.t(), own)


class AuxiliaryAE(nn.Module):
    """Four linear layers with bias, d to d, without a non-linearity; a scale gives rows a mean squared entry of 1."""

    scale: Tensor

    def __init__(self, d: int) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({tower: nn.Linear(d, d) for tower in TOWERS})
        self.decoders = nn.ModuleDict({tower: nn.Linear(d, d) for tower in TOWERS})
        self.register_buffer("scale", torch.ones(len(TOWERS)))

    def encode(self, x: Tensor, tower: Tower) -> Tensor:
        """Map rows (n, d) of one tower into the common space."""
        return self.encoders[tower](x / self.scale[TOWERS.index(tower)])

    def decode(self, z: Tensor, tower: Tower) -> Tensor:
        """Map rows (n, d) of the common space back to a tower."""
        return self.decoders[tower](z) * self.scale[TOWERS.index(tower)]

    def loss(self, image: Tensor, text: Tensor, similarity: Similarity) -> Tensor:
        """Compute Eq. 3 on a batch of pairs."""
        rows = dict(zip(TOWERS, (image, text), strict=True))
        common = {tower: self.encode(x, tower) for tower, x in rows.items()}
        errors = [
            F.mse_loss(self.decoders[tower](common[tower]), x / self.scale[TOWERS.index(tower)])
            for tower, x in rows.items()
        ]
        return info_nce(common["image"], common["text"], similarity) + errors[0] + errors[1]

    @torch.no_grad()
    def common(self, embeddings: Embeddings) -> Embeddings:
        """Map both towers into the common space, for a dictionary of pairs."""
        image, text = (self.encode(as_tensor(embeddings.tower(t)), t).numpy() for t in TOWERS)
        identity = {**embeddings.identity, "auxiliary": [round(float(p.double().sum()), 4) for p in self.parameters()]}
        return Embeddings(embeddings.ids, image, text, embeddings.encoder, normalised=False, identity=identity)


def train_auxiliary(
    embeddings: Embeddings,
    *,
    similarity: Similarity = "cosine",
    steps: int = 300,
    batch: int = 256,
    rate: float = 1e-3,
    seed: int = 0,
) -> AuxiliaryAE:
    """Fit to pairs with AdamW (weight decay 0.01, cosine annealing) as in the paper; it takes seconds at our sizes."""
    image, text = (as_tensor(embeddings.tower(tower)) for tower in TOWERS)
    generator = torch.Generator().manual_seed(seed)
    model = AuxiliaryAE(image.shape[1])
    with torch.no_grad():
        for parameter in model.parameters():
            drawn = 2 * torch.rand(parameter.shape, generator=generator) - 1
            parameter.copy_(drawn / image.shape[1] ** 0.5)
        model.scale.copy_(torch.stack([x.double().square().mean().sqrt().float() for x in (image, text)]))
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.01)
    annealing = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in progress(range(steps), desc="auxiliary autoencoder"):
        rows = torch.randperm(len(image), generator=generator)[:batch]
        optimiser.zero_grad()
        model.loss(image[rows], text[rows], similarity).backward()
        optimiser.step()
        annealing.step()
    return model.eval()


def train_auxiliaries(
    embeddings: Embeddings, seeds: Sequence[int], workers: Workers, **how: Any
) -> dict[int, AuxiliaryAE]:
    """Fit one per seed; how: arguments of `train_auxiliary`."""
    trained = workers.all(partial(_train_seed, embeddings, how), seeds, "auxiliary autoencoders")
    return dict(zip(seeds, trained, strict=True))


def _train_seed(embeddings: Embeddings, how: dict[str, Any], seed: int) -> AuxiliaryAE:
    return train_auxiliary(embeddings, seed=seed, **how)
