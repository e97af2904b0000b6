"""Cosines of text-edited images with the texts that edit them: exact for all pairs, with no pair decoded.

Source: TEVI (Mahajan et al., arXiv 2606.07451). Text j keeps a share m_j in [0, 1] of every latent; with the sparse
code z_i, dictionary D, decoder bias b and residual r_i of image i

    e_ij = (m_j * z_i) D + c_i,   c_i = b + rho r_i,   score_ij = cos(e_ij, t_j)

The paper gives no way to score all pairs; the algebra here is ours. c_i is one more atom, always kept: mask 1.

- Numerator: <e_ij, t_j> = sum_k z_ik (m_jk <d_k, t_j>) + <c_i, t_j>, a sparse product with the image's code.
- Norm: the s atoms of image i, scaled by its code, are V_i (s, d). With V_i^T = Q R, Q orthonormal, |e_ij| = |R m_j|
  over the image's own s mask entries. So a pair costs s^2 multiplications and not s d, R is computed once per image,
  and the square is never negative. It equals the quadratic form of the Gram matrix V_i V_i^T = R^T R without squaring
  R's condition number: float32 keeps seven digits of the norm where the atoms nearly cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from lib.base.errors import CompanionError
from lib.sae.codes import SparseCodes

TILE = {"cpu": 2**17, "cuda": 2**26}
"""Mask entries gathered at a time: as many as fit into a core's cache, or fill a GPU."""

QR_TILE = 2**22
"""Number of entries of the scaled atoms that are factorised at a time."""

ZERO = 8
"""An edited embedding shorter than this many rounding errors of its image's atoms counts as zero."""


@dataclass(frozen=True)
class EditedImages:
    """The image side of the scores, made once by `EditedImages.of`; indexing by images gives a batch.

    Memory: n s^2 numbers, 22 MB at n 5000, s 33 and float32. Those of several dictionaries can be stacked: then the
    images of all follow one another, n together, and texts and masks have the dictionaries as a leading dimension.
    """

    atoms: Tensor
    """(width + 1, d): the dictionary and, last, the decoder bias; (stacked, width + 1, d) of several."""
    slots: Tensor
    """(n, s) numbers of each image's atoms; the last slot is the bias, and unused ones are the bias, too. The atoms of
    several dictionaries are numbered consecutively.
    """
    values: Tensor
    """(n, s) activations of the atoms: 1 in the last slot, 0 in unused ones."""
    factor: Tensor
    """(n, min(s, d), s): R of V_i^T = Q R."""
    floor: Tensor
    """(n,) squared length below which an edited embedding counts as zero."""
    residual: Tensor | None
    """(n, d): rho r_i; None where rho is 0."""

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        codes: SparseCodes,
        dictionary: np.ndarray | Tensor,
        bias: np.ndarray | Tensor | None = None,
        residual: np.ndarray | Tensor | None = None,
        rho: float = 0.0,
        *,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> EditedImages:
        """Make them from codes of n images, dictionary (width, d), decoder bias (d,) and residuals x - x_hat (n, d).

        rho in [0, 1] is the share of the residual that stays. R is computed in float64; `dtype` is that of the scores.
        """
        if not 0 <= rho <= 1:
            raise CompanionError(f"rho {rho}; give the share of the residual that stays, from 0 to 1")
        if rho > 0 and residual is None:
            raise CompanionError(f"rho {rho} and no residual; give the residuals or rho 0")
        if len(codes) == 0:
            raise CompanionError("codes of no images; give at least 1")
        D = _finite("dictionary", dictionary, (codes.width, None), device)
        b = D.new_zeros(D.shape[1]) if bias is None else _finite("bias", bias, (D.shape[1],), device)
        atoms = torch.cat([D, b[None]])
        slots, values = (torch.from_numpy(part).to(device) for part in _padded(codes))
        kept = None
        if residual is not None and rho > 0:
            kept = rho * _finite("residual", residual, (len(codes), D.shape[1]), device)
        factor = _factor(atoms, slots, values, kept)
        floor = (ZERO * torch.finfo(dtype).eps) ** 2 * factor.square().sum(dim=(1, 2))
        if not torch.isfinite(floor.to(dtype)).all():
            raise CompanionError(
                f"codes times the dictionary leave the range of {str(dtype)[6:]}; scale the dictionary"
            )
        kept = kept if kept is None else kept.to(dtype)
        return cls(atoms.to(dtype), slots, values.to(dtype), factor.to(dtype), floor.to(dtype), kept)

    @classmethod
    def stack(cls, several: Sequence[EditedImages]) -> EditedImages:
        """Join the images of dictionaries of one shape, which have as many slots and all or none a residual."""
        atoms = torch.stack([one.atoms for one in several])
        slots = torch.cat([one.slots + i * atoms.shape[1] for i, one in enumerate(several)])
        values, factor, floor = (
            torch.cat([getattr(one, name) for one in several]) for name in ("values", "factor", "floor")
        )
        residuals = [one.residual for one in several if one.residual is not None]
        return cls(atoms, slots, values, factor, floor, torch.cat(residuals) if residuals else None)

    def __len__(self) -> int:
        return len(self.slots)

    def __getitem__(self, rows: slice | np.ndarray | Tensor) -> EditedImages:
        slots, values, factor, floor = (part[rows] for part in (self.slots, self.values, self.factor, self.floor))
        residual = None if self.residual is None else self.residual[rows]
        return EditedImages(self.atoms, slots, values, factor, floor, residual)

    @torch.no_grad()
    def block(self, rows: slice | np.ndarray, texts: np.ndarray | Tensor, masks: np.ndarray | Tensor) -> Tensor:
        """Score the images of `rows` with texts (m, d) and masks (m, width), without gradient: (len(rows), m)."""
        texts, masks = (torch.as_tensor(part).to(self.atoms) for part in (texts, masks))
        return pair_scores(self[rows], texts, masks)


def pair_scores(images: EditedImages, texts: Tensor, masks: Tensor) -> Tensor:
    """Scores cos(e_ij, t_j), (n, m), of n images and texts (m, d) with masks (m, width); with gradients to both.

    With stacked dictionaries, texts i are compared with the images of dictionary i only.

    Masks are in [0, 1]; texts need no unit norm; the type is that of `images`. A pair with e_ij = 0 scores 0 and has no
    gradient. In float32 and with products in full precision (torch's default), scores at d 512, width 4096 and k 32 are
    within 5e-7 of float64. Memory beyond the result grows with m x width and not with n x m x k, because the backward
    pass gathers the masks again.
    """
    dots = pair_products(images, texts, masks)
    square = _SquaredNorm.apply(_with_bias(masks).flatten(0, -2), images.slots, images.factor)
    left = square > images.floor[:, None]
    return torch.where(left, dots * torch.where(left, square, 1).rsqrt(), 0)


def pair_products(images: EditedImages, texts: Tensor, masks: Tensor) -> Tensor:
    """The numerators <e_ij, t_j / |t_j|> of the scores alone, (n, m).

    Without the norm of e_ij the score is an inner product of the image's code with a vector of the text: an ordinary
    dual encoder in the space of latents. Compared with `pair_scores` it shows what the norm adds.
    """
    _check_texts(images, texts, masks)
    unit = F.normalize(texts, dim=-1)
    weighted = _with_bias(masks) * (images.atoms @ unit.mT)
    dots = F.embedding_bag(images.slots, weighted.flatten(0, -2), per_sample_weights=images.values, mode="sum")
    if images.residual is None:
        return dots
    residual = images.residual.view(*unit.shape[:-2], -1, unit.shape[-1])
    return dots + (residual @ unit.mT).flatten(0, -2)


def edited_embeddings(images: EditedImages, masks: Tensor) -> Tensor:
    """Edit each image by the mask of its own row: e_ii (n, d) from masks (n, width), for probes and for the gap.

    Of stacked dictionaries, the rows of all masks follow one another as the images do.

    Do not use it for scores: an image edited by its own caption must not meet other captions (`lib/editing/leaky.py`).
    """
    *stacked, atoms, d = images.atoms.shape
    if masks.shape[-1] != atoms - 1 or masks.shape[:-2] != tuple(stacked) or masks[..., 0].numel() != len(images):
        raise CompanionError(f"masks of shape {tuple(masks.shape)} for {len(images)} images; give each image a row")
    weights = _with_bias(masks).mT.flatten(0, -2).gather(1, images.slots % atoms) * images.values
    edited = torch.einsum("ns,nsd->nd", weights, images.atoms.view(-1, d)[images.slots])
    return edited if images.residual is None else edited + images.residual


def _with_bias(masks: Tensor) -> Tensor:
    """Return masks with latents as rows and the bias kept, (width + 1, m), so that an image gathers whole rows."""
    return torch.cat([masks.mT, masks.new_ones(*masks.shape[:-2], 1, masks.shape[-2])], dim=-2)


class _SquaredNorm(torch.autograd.Function):
    """|R_i m_j[slots_i]|^2, (n, m), from masks by latent (width + 1, m); gradients to the masks.

    Time measured for 128 images x 1024 texts at s 33 on one core, scaled to 5000 x 25000: 14 s in tiles of 16 images x
    256 texts, 18 s in tiles of 1 x 1024. Rows of Gram matrices take the same time, a gather by text 1.5 times as long.
    """

    @staticmethod
    def forward(ctx: Any, kept: Tensor, slots: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(kept, slots, factor)
        out = kept.new_empty(len(slots), kept.shape[1])
        for rows in _tiles(kept, slots):
            out[rows] = (factor[rows] @ _gathered(kept, slots[rows])).square_().sum(dim=1)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        kept, slots, factor = ctx.saved_tensors
        gradient, total = 2 * gradients[0], torch.zeros_like(kept)
        for rows in _tiles(kept, slots):
            edited = (factor[rows] @ _gathered(kept, slots[rows])).mul_(gradient[rows, None])
            total.index_add_(0, slots[rows].flatten(), (factor[rows].mT @ edited).flatten(0, 1))
        return total, None, None


def _tiles(kept: Tensor, slots: Tensor) -> list[slice]:
    """Return slices of images whose gathered masks fill a tile."""
    size = max(1, TILE.get(kept.device.type, TILE["cpu"]) // (slots.shape[1] * kept.shape[1]))
    return [slice(start, start + size) for start in range(0, len(slots), size)]


def _gathered(kept: Tensor, slots: Tensor) -> Tensor:
    """Gather the mask entries of the slots of b images, (b, s, m)."""
    return kept.index_select(0, slots.flatten()).view(*slots.shape, kept.shape[1])


def _padded(codes: SparseCodes) -> tuple[np.ndarray, np.ndarray]:
    """Return slots and float64 values, (n, s) each; s is the largest number of active latents plus one for the bias."""
    counts = np.diff(codes.indptr)
    slots = np.full((len(codes), int(counts.max()) + 1), codes.width, np.int64)
    values = np.zeros(slots.shape)
    used = np.arange(slots.shape[1]) < counts[:, None]
    slots[used], values[used], values[:, -1] = codes.indices, codes.values, 1
    return slots, values


def _factor(atoms: Tensor, slots: Tensor, values: Tensor, residual: Tensor | None) -> Tensor:
    """Compute R of V_i^T = Q R for every image, (n, min(s, d), s)."""
    size = max(1, QR_TILE // (slots.shape[1] * atoms.shape[1]))
    parts = []
    for start in range(0, len(slots), size):
        rows = slice(start, start + size)
        scaled = values[rows, :, None] * atoms[slots[rows]]
        if residual is not None:
            scaled[:, -1] += residual[rows]
        parts.append(torch.linalg.qr(scaled.mT, mode="r").R)
    return torch.cat(parts)


def _finite(name: str, value: np.ndarray | Tensor, shape: tuple[int | None, ...], device: str | torch.device) -> Tensor:
    """Check that `value` is finite and of the given shape, None standing for any size, and return it as float64."""
    tensor = torch.as_tensor(value, dtype=torch.float64, device=device)
    if tensor.ndim != len(shape) or any(
        want not in (None, have) for want, have in zip(shape, tensor.shape, strict=True)
    ):
        wanted = tuple("d" if size is None else size for size in shape)
        raise CompanionError(f"{name} of shape {tuple(tensor.shape)}; these codes need ({', '.join(map(str, wanted))})")
    if not torch.isfinite(tensor).all():
        raise CompanionError(f"{name} contains NaN or infinity; check the dictionary and its input")
    return tensor


def _check_texts(images: EditedImages, texts: Tensor, masks: Tensor) -> None:
    *stacked, atoms, d = images.atoms.shape
    if [*texts.shape[:-2], texts.shape[-1]] != [*stacked, d] or texts.ndim < 2 or texts.shape[-2] == 0:
        raise CompanionError(f"texts of shape {tuple(texts.shape)} for a dictionary of {d} dimensions; give (m, {d})")
    if masks.shape != (*texts.shape[:-1], atoms - 1):
        m, width = texts.shape[-2], atoms - 1
        raise CompanionError(
            f"masks of shape {tuple(masks.shape)} for {m} texts and {width} latents; give each text a row"
        )
    low, high = masks.detach().aminmax()
    if not (low >= 0 and high <= 1):
        raise CompanionError(f"masks run from {low:.3g} to {high:.3g}; give finite ones in [0, 1], as after a sigmoid")
    if not torch.isfinite(texts).all():
        raise CompanionError("texts contain NaN or infinity; embed them again")
