"""The world `own-arrays`: embeddings that the user made."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lib.base.errors import NotAvailable
from lib.data.formats.own_vectors import OwnVectors, own_vectors
from lib.encoders.embeddings import Embeddings
from lib.worlds.cut import counting_copies, split_embeddings
from lib.worlds.profiles import own_folder
from lib.worlds.world import Held, World, judge_captions_too

if TYPE_CHECKING:
    from lib.data.tally import Tally
    from lib.worlds.profiles import Profile


class OwnArrays(World):
    """Embeddings that the user made (`lib.data.formats.own_vectors`). Without a judge, the texts judge."""

    name = "own-arrays"

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self._folder = own_folder(profile)

    @cached_property
    def _whole(self) -> OwnVectors:
        """All rows, before the split."""
        return own_vectors(self._folder)

    def tally(self, read: bool = False) -> Tally:
        return counting_copies(self._whole.tally, self._whole.image)

    def held(self) -> Held:
        own = self._whole
        return Held(len(own.ids), own.text is not None, own.text is not None or own.judge is not None)

    def embeddings(self, split: str) -> Embeddings:
        own = self._whole
        whole = Embeddings(own.ids, own.image, own.text, self._folder.name, False, {"own": own.identity})
        return split_embeddings(self, whole, split).unit()

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return network: judge.npy, or the texts, which come from the same model and so are only half independent."""
        own = self._whole
        matrix = own.text if own.judge is None else own.judge
        if matrix is None:
            raise NotAvailable(
                f"{self._folder} has neither judge.npy nor text.npy; a score of meaning needs one of them"
            )
        whole = Embeddings(own.ids, matrix, None, "own judge", False, {"judge": own.identity})
        return {"network": split_embeddings(self, whole, split).unit()}

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Return network: judge.npy, or the texts, which also stand for their pictures."""
        return {"network": judge_captions_too(self.judge(split, "network")), "source": self.embeddings(split)}
