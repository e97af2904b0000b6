"""The masker: a network that decides from a caption which latents of an image stay.

Source: TEVI (Mahajan et al., arXiv 2606.07451), as far as its method is public: a TopK dictionary on CLIP's final image
embedding; caption embedding -> MLP -> sigmoid, one value in (0, 1) per latent; the masked code is decoded; the image
tower stays frozen and the text tower is tuned. Ours are the sizes of the MLP, its start near "keep everything", the
standardised input, and, in place of tuning the text tower, a residual head on its embeddings (`text_head`), which
starts as the identity.

The other edits are controls with the same text side: see `EDITS`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from lib.editing.edited_scores import EditedImages, pair_products, pair_scores
from lib.editing.leaky import leaky_scores
from lib.encoders.embeddings import Embeddings
from lib.sae.base import SAE, as_tensor, one_tower
from lib.sae.config import Count, Fraction, Natural, NonNegative, Positive, configuration

EDITS = {
    "latents": "TEVI: a share of each latent, from the caption",
    "constant": "one learned mask for all captions: what does not need the caption",
    "query": "as latents, without the norm of the edited embedding: a dual encoder in latent space",
    "dimensions": "a share of each embedding dimension, no dictionary (SmartCLIP, CVPR 2025, with a soft mask)",
    "none": "no edit: the text head alone, which is plain fine-tuning",
    "leaky": "as latents, but trained with each image edited by its own caption only; wrong, for demonstration",
}
"""The kinds of edit, with a description of each."""

KEEP = 3.0
"""Logit of every mask entry at the start: sigmoid(3) = 0.95, so that training starts near the unedited model."""

LARGEST_SCALE = 100.0
"""Largest factor of the logits, as in CLIP."""


@configuration
class MaskerConfig:
    """The settings of a masker and its training."""

    edit: str = "latents"
    """Kind of edit, a name in `EDITS`."""
    text_head: bool = False
    """Whether to tune the text side, too: stage B; without it, stage A."""
    rho: Fraction = 1.0
    """Share of the dictionary's residual that stays; 0 for none."""
    sparsity: NonNegative = 0.0
    """Weight of the mean mask in the loss."""
    steps: Count = 1000
    """Number of training steps."""
    batch: Annotated[int, Field(ge=2)] = 128
    """Pairs per batch; at least two, since each pair is contrasted with the others."""
    lr: Positive = 2e-3
    """Peak of the learning rate."""
    decay: NonNegative = 0.01
    """Weight decay, as AdamW applies it."""
    scale: Annotated[Positive, Field(le=LARGEST_SCALE)] = 20.0
    """Initial factor of the logits; it is learnt."""
    seed: Natural = 0
    """Seed of the weights and of the order of pairs."""

    @model_validator(mode="after")
    def _trains_something(self) -> Self:
        if self.edit not in EDITS:
            raise ValueError(f"unknown edit {self.edit!r}; known: {', '.join(EDITS)}")
        if self.edit == "none" and not self.text_head:
            raise ValueError("edit 'none' without a text head trains nothing; set text_head")
        return self

    def plain(self) -> dict[str, Any]:
        """Return the configuration as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ImageSide:
    """The images of a batch, in the form that scores need."""

    embeddings: Tensor
    """(n, d) unit embeddings."""
    edited: EditedImages
    """The images' codes, for edits of latents."""

    @classmethod
    def of(cls, sae: SAE, embeddings: Embeddings, rho: float = 0.0, *, dtype: torch.dtype = torch.float32) -> ImageSide:
        """Encode images by a dictionary; rho: the share of its residual that stays. Results are computed in float64."""
        sae, embeddings = one_tower(sae, "a masker"), embeddings.unit()
        codes, image = sae.codes(embeddings), embeddings.tower("image")
        residual = image - sae.reconstruct(codes) if rho > 0 else None
        device = sae.W_dec.device
        edited = EditedImages.of(
            codes, sae.W_dec.detach(), sae.b_dec.detach(), residual, rho, dtype=dtype, device=device
        )
        return cls(as_tensor(image).to(device, dtype), edited)

    @classmethod
    def stack(cls, sides: Sequence[ImageSide]) -> ImageSide:
        """Join images of several dictionaries, see `EditedImages.stack`."""
        embeddings = torch.cat([side.embeddings for side in sides])
        return cls(embeddings, EditedImages.stack([side.edited for side in sides]))

    def __len__(self) -> int:
        return len(self.embeddings)

    def __getitem__(self, rows: slice | np.ndarray | Tensor) -> ImageSide:
        return ImageSide(self.embeddings[rows], self.edited[rows])


class TwoLayers(nn.Module):
    """A network from (n, d) to (n, out) with 2 d hidden units, whose output is zero until it is trained."""

    def __init__(self, d: int, out: int) -> None:
        super().__init__()
        self.first = nn.Linear(d, 2 * d)
        self.second = nn.Linear(2 * d, out, bias=False)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the first layer at random and set the second to zero."""
        nn.init.normal_(self.first.weight, std=self.first.in_features**-0.5, generator=generator)
        nn.init.zeros_(self.first.bias)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., n, d) to (..., n, out)."""
        hidden = F.gelu(x @ self.first.weight.mT + self.first.bias[..., None, :])
        return hidden @ self.second.weight.mT


class Masker(nn.Module):
    """Maps caption embeddings (m, d) to masks over `width` latents and, with a text head, to tuned embeddings.

    In training, its parameters may hold those of several maskers, one after the other (`stacked_maskers`); captions,
    masks and scores then have the same leading dimension.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, config: MaskerConfig, d: int, width: int) -> None:
        super().__init__()
        self.config = config
        entries = d if config.edit == "dimensions" else width
        self.register_buffer("centre", torch.zeros(d))
        self.register_buffer("spread", torch.ones(()))
        self.log_scale = nn.Parameter(torch.tensor(math.log(config.scale)))
        self.head = TwoLayers(d, d) if config.text_head else None
        self.mask = None if config.edit in ("none", "constant") else TwoLayers(d, entries)
        self.logits = None if config.edit == "none" else nn.Parameter(torch.full((entries,), KEEP))

    @torch.no_grad()
    def initialise(self, texts: Tensor, generator: torch.Generator) -> None:
        """Initialise the networks, and standardise their input by training captions `texts` (n, d)."""
        self.centre.copy_(texts.mean(dim=0))
        self.spread.copy_((texts - self.centre).square().mean().sqrt().clamp(min=1e-6))
        for part in (self.head, self.mask):
            if part is not None:
                part.initialise(generator)

    @property
    def scale(self) -> Tensor:
        """The learnt factor of the logits."""
        return self.log_scale.exp().clamp(max=LARGEST_SCALE)

    def queries(self, texts: Tensor) -> Tensor:
        """Return the caption embeddings to compare with the images: tuned ones with a text head, else unchanged."""
        if self.head is None:
            return texts
        return texts + self.spread[..., None, None] * self.head(self._standardised(texts))

    def masks(self, queries: Tensor) -> Tensor:
        """Masks (m, width) in (0, 1) for `queries` (m, d); (m, d) for an edit of dimensions, (m, 0) without an edit."""
        if self.logits is None:
            return queries.new_zeros(*queries.shape[:-1], 0)
        logits = self.logits[..., None, :]
        if self.mask is None:
            return torch.sigmoid(logits).expand(*queries.shape[:-1], -1)
        return torch.sigmoid(logits + self.mask(self._standardised(queries)))

    def _standardised(self, texts: Tensor) -> Tensor:
        return (texts - self.centre[..., None, :]) / self.spread[..., None, None]

    def compare(self, images: ImageSide, queries: Tensor, masks: Tensor) -> Tensor:
        """Score n images with m captions, (n, m); every pair is edited by the mask of its caption, right or wrong."""
        if self.config.edit in ("none", "dimensions"):
            rows = images.embeddings.view(*queries.shape[:-2], -1, queries.shape[-1])
            plain = self.config.edit == "none"
            return rows @ F.normalize(queries, dim=-1).mT if plain else dimension_scores(rows, queries, masks)
        scores = (pair_products if self.config.edit == "query" else pair_scores)(images.edited, queries, masks)
        return scores.view(*queries.shape[:-2], -1, queries.shape[-2])

    def training_scores(self, images: ImageSide, queries: Tensor, masks: Tensor) -> Tensor:
        """Compute the scores for training: those of `compare`, except in the leaky demonstration."""
        if self.config.edit == "leaky":
            return leaky_scores(images.edited, queries, masks)
        return self.compare(images, queries, masks)

    @torch.no_grad()
    def read(self, texts: np.ndarray) -> tuple[Tensor, Tensor]:
        """Compute queries (m, d) and masks (m, width) of captions (m, d), without gradient."""
        queries = self.queries(as_tensor(texts).to(self.log_scale.device))
        return queries, self.masks(queries)

    @torch.no_grad()
    def scores(self, images: ImageSide, texts: np.ndarray) -> np.ndarray:
        """Scores (n, m) for retrieval by captions (m, d), never leaky; float64 numbers in the images' precision."""
        queries, masks = (part.to(images.embeddings.dtype) for part in self.read(texts))
        return self.compare(images, queries, masks).cpu().numpy().astype(np.float64)


def dimension_scores(images: Tensor, texts: Tensor, masks: Tensor) -> Tensor:
    """Scores cos(m_j * x_i, t_j), (n, m), of images (n, d), texts (m, d) and masks (m, d) over embedding dimensions."""
    dots = images @ (masks * F.normalize(texts, dim=-1)).mT
    return dots * (images.square() @ masks.square().mT).clamp(min=torch.finfo(images.dtype).tiny).rsqrt()


def contrastive_loss(scores: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE of scores (..., n, n), multiplied by `scale` (...), whose diagonal holds the right pairs."""
    logits = scale[..., None, None] * scores
    right = [F.log_softmax(logits, dim).diagonal(dim1=-2, dim2=-1) for dim in (-1, -2)]
    return -(right[0] + right[1]).mean(dim=-1) / 2
