"""The world `atoms`: vectors that are sums of known concept vectors, with captions that mention some concepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.data.atoms import MIXED, AtomDials, Atoms, draw_atoms
from lib.data.pairs import Facts
from lib.encoders.embeddings import Embeddings
from lib.worlds.world import World

if TYPE_CHECKING:
    from lib.worlds.profiles import Profile


class AtomWorld(World):
    """Sums of known atoms (`lib.data.atoms`): no pictures, no words and no encoder, but every concept is known."""

    name = "atoms"

    def __init__(self, profile: Profile, dials: AtomDials = AtomDials()) -> None:  # noqa: B008  # it is frozen
        super().__init__(profile)
        self._dials = dials

    def drawn_atoms(self, split: str, told: tuple[int, int] = MIXED, caption: int = 0) -> Atoms:
        return draw_atoms(self._dials, split, self.size(split), told, caption)

    def embeddings(self, split: str) -> Embeddings:
        return embed_atoms(self.drawn_atoms(split))

    def facts(self, split: str) -> Facts:
        return self.drawn_atoms(split).facts()


def embed_atoms(drawn: Atoms) -> Embeddings:
    """Make embeddings from the vectors of drawn pictures and captions."""
    return Embeddings(drawn.ids, drawn.image, drawn.text, "atoms", True, drawn.identity)
