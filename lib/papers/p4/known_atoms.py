"""The dictionary of known atoms: its codes are given and not inferred, the ceiling of every learnt dictionary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lib.base.errors import CompanionError
from lib.data.atoms import Atoms
from lib.data.atoms.draw_atoms import FACTORS, VALUES
from lib.encoders.embeddings import Embeddings, Tower
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig
from lib.sae.models.topk import TopK


class KnownAtoms(TopK):
    """The true atoms as latents, with the true code of every picture that it has been given."""

    def __init__(self, drawn: Sequence[Atoms]) -> None:
        """Take the codes of pictures of one world."""
        dials = drawn[0].dials
        super().__init__(SAEConfig("topk", FACTORS * VALUES, k=FACTORS), dials.d)
        with torch.no_grad():
            self.W_dec.copy_(torch.from_numpy(dials.atoms))
        self._codes = np.concatenate([one.codes for one in drawn])
        self._strengths = np.concatenate([one.strengths for one in drawn]).astype(np.float32)
        self._rows = {id: row for row, id in enumerate(np.concatenate([one.ids for one in drawn]).tolist())}
        self.eval()

    @torch.no_grad()
    def codes(self, embeddings: Embeddings, tower: Tower = "image", batch: int = 1024) -> SparseCodes:
        """The true codes of pictures, found by their ids."""
        unknown = [id for id in embeddings.ids.tolist() if id not in self._rows]
        if unknown or tower != "image":
            raise CompanionError(f"no true code of {unknown[:1] or tower}; give pictures whose codes it has")
        rows = np.array([self._rows[id] for id in embeddings.ids.tolist()])
        latents = np.arange(FACTORS) * VALUES + self._codes[rows]
        starts = FACTORS * np.arange(len(rows) + 1)
        return SparseCodes(embeddings.ids, starts, latents.ravel(), self._strengths[rows].ravel(), self.width)
