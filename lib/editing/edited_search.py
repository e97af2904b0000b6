"""Search pictures by caption: a fast first stage over all of them, then the exact edited score of the best.

Source: TEVI (Mahajan et al., arXiv 2606.07451) scores every picture as the caption edits it; how to search among many
is not public. Both stages here follow from the algebra of `lib/editing/edited_scores.py`. Without the norm of the
edited embedding, a score is an inner product of the picture's sparse code with one vector of the caption,

    <e_i, t> = sum_k z_ik m_k <d_k, t> + <b, t> + rho <r_i, t>

so the first stage is a product of a sparse matrix with a vector, k multiplications per picture, plus a product with the
share rho of the residuals; any index for inner products could take its place. The second stage divides by the norms of
the best pictures, which makes their scores exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
import torch

from lib.base.errors import CompanionError
from lib.editing.edited_scores import EditedImages
from lib.editing.masker import Masker
from lib.encoders.embeddings import Embeddings
from lib.sae.base import SAE, one_tower
from lib.sae.codes import SparseCodes

SHORTLIST = 256
"""Number of candidates that the first stage hands on."""

FirstStage = Literal["latents", "embeddings"]
"""The ranking of all pictures in the first stage: products in the space of latents, or cosines of the embeddings."""


@dataclass(frozen=True)
class Hit:
    """A picture that a search has found."""

    name: str
    """The picture's id."""
    score: float
    """Cosine of the edited picture with the caption."""


class Index:
    """Pictures, ready to be searched by caption embeddings of the same encoder.

    The index holds the sparse codes (k numbers per picture), the unit embeddings and, where the masker keeps a share of
    them, the residuals (d numbers each). It refuses a masker that does not edit latents, whose scores are not products
    of codes.
    """

    def __init__(self, pictures: Embeddings, sae: SAE, masker: Masker) -> None:
        one_tower(sae, "an index")
        if masker.config.edit != "latents":
            raise CompanionError(f"a masker with edit {masker.config.edit!r}; an index needs edit 'latents'")
        self.pictures, self.masker = pictures.unit(), masker
        if self.pictures.tower("image").shape[1] != sae.d:
            raise CompanionError(f"pictures of {pictures.encoder} do not fit a dictionary of {sae.d} dimensions")
        codes = sae.codes(self.pictures)
        self.codes = codes.csr().astype(np.float32)
        kept = masker.config.rho > 0
        self.residual = self.pictures.tower("image") - sae.reconstruct(codes) if kept else None
        self.dictionary, self.bias = (part.detach().cpu() for part in (sae.W_dec, sae.b_dec))

    def __len__(self) -> int:
        return len(self.pictures)

    def search(
        self, text: np.ndarray, k: int = 10, *, shortlist: int = SHORTLIST, stage: FirstStage = "latents"
    ) -> list[Hit]:
        """Find the k best pictures for a caption embedding (d,), by exact score among the first stage's `shortlist`.

        With a shortlist of all pictures the result is exact. Equal scores come in the order of the pictures.
        """
        if not 1 <= k <= shortlist:
            raise CompanionError(f"the best {k} of a shortlist of {shortlist}; give 1 <= k <= shortlist")
        rows = self.first_stage(text, shortlist, stage)
        scores = self.exact(text, rows)
        best = np.argsort(-scores, kind="stable")[:k]
        return [Hit(str(self.pictures.ids[rows[place]]), float(scores[place])) for place in best]

    def first_stage(self, text: np.ndarray, size: int, stage: FirstStage = "latents") -> np.ndarray:
        """Return the row numbers of the best `size` pictures by the first stage, in the order of the pictures."""
        if stage not in ("latents", "embeddings"):
            raise CompanionError(f"first stage {stage!r}; known: latents, embeddings")
        query, mask = self._read(text)
        if stage == "latents":
            scores = self.codes @ (mask * (self.dictionary @ query)).numpy()
            if self.residual is not None:
                scores = scores + self.masker.config.rho * (self.residual @ query.numpy())
        else:
            scores = self.pictures.tower("image") @ query.numpy()
        if size >= len(scores):
            return np.arange(len(scores))
        return np.sort(np.argpartition(-scores, size - 1)[:size])

    def exact(self, text: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Score the pictures `rows` exactly, as one caption edits them: (len(rows),), float64."""
        return self._scores(self._edited(rows), text)

    def shortlist_recall(self, texts: np.ndarray, k: int, shortlist: int, stage: FirstStage = "latents") -> np.ndarray:
        """Share of the exact best k that the first stage finds, for each caption embedding (m, d); (m,)."""
        if not 1 <= k <= min(shortlist, len(self)):
            raise CompanionError(f"the best {k} of {len(self)} pictures and a shortlist of {shortlist}; give fewer")
        images, found = self._edited(np.arange(len(self))), np.empty(len(texts))
        for number, text in enumerate(texts):
            best = np.argsort(-self._scores(images, text), kind="stable")[:k]
            found[number] = np.isin(best, self.first_stage(text, shortlist, stage)).mean()
        return found

    def _edited(self, rows: np.ndarray) -> EditedImages:
        part = SparseCodes.from_matrix(self.pictures.ids[rows], sp.csr_array(self.codes[rows]))
        left = None if self.residual is None else self.residual[rows]
        return EditedImages.of(part, self.dictionary, self.bias, left, self.masker.config.rho, dtype=torch.float64)

    def _scores(self, images: EditedImages, text: np.ndarray) -> np.ndarray:
        query, mask = self._read(text)
        return images.block(slice(0, len(images)), query[None], mask[None])[:, 0].numpy()

    def _read(self, text: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the query (d,), of unit norm, and the mask (width,) of a caption embedding."""
        text, d = np.asarray(text, np.float32), self.dictionary.shape[1]
        if text.shape != (d,) or not np.isfinite(text).all() or not text.any():
            raise CompanionError(f"a caption embedding of shape {text.shape}; give one finite vector of {d} numbers")
        queries, masks = self.masker.read((text / np.linalg.norm(text))[None])
        query = queries[0].cpu()
        return query / query.norm(), masks[0].cpu()
