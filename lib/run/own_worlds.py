"""Worlds of what a profile names: a folder of pictures, embeddings made elsewhere, a published open_clip model."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lib.data.captions import each_caption
from lib.data.errors import CompanionError, NotAvailable
from lib.data.folders import picture_folder
from lib.data.images import LazyImages
from lib.data.own_vectors import OwnVectors, own_vectors
from lib.data.pairs import Pairs
from lib.data.webdataset import caption_shards
from lib.encoders.clip import ClipEncoder, load_clip
from lib.encoders.embeddings import Embeddings
from lib.encoders.store import embed
from lib.run.photo_worlds import Photos, cut
from lib.run.profiles import own_folder
from lib.run.worlds import World

if TYPE_CHECKING:
    from lib.run.profiles import Profile

CAPTIONS = ("captions.csv", "captions.jsonl")


class OwnPictures(World):
    """All pictures under a folder, with `captions.csv` or `captions.jsonl` if it has any; or webdataset shards."""

    name = "own-pictures"

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self.folder = own_folder(profile)
        self.model, self.judge = profile.encoder, profile.judge

    @cached_property
    def everything(self) -> Pairs:
        """All pairs, before they are split."""
        if any(self.folder.glob("*.tar")):
            return caption_shards(self.folder)
        captions = [self.folder / name for name in CAPTIONS if (self.folder / name).is_file()]
        return picture_folder(self.folder, captions[0] if captions else None)

    @cached_property
    def encoder(self) -> ClipEncoder:
        """The open_clip model that the profile names."""
        return open_model(self.model)

    def pairs(self, split: str) -> Pairs:
        rows = self._rows(split)
        whole = self.everything
        assert isinstance(whole.images, LazyImages)
        images = whole.images[:]
        assert isinstance(images, LazyImages)
        images.names = tuple(images.names[row] for row in rows)
        captions = whole.captions and tuple(whole.captions[row] for row in rows)
        return Pairs(
            whole.ids[rows], images, captions or None, {**whole.identity, "split": [split, *self.sizes.values()]}
        )

    def embeddings(self, split: str) -> Embeddings:
        return self._embedded(self.encoder).rows(self._rows(split), f"{split} of {list(self.sizes.values())}").unit()

    def judges(self, split: str) -> dict[str, Embeddings]:
        """network: the image tower of the profile's judge, another open_clip model than the one under study."""
        found = embed(self.everything, self._judge(), towers=("image",))
        return {"network": found.rows(self._rows(split), f"{split} of {list(self.sizes.values())}").unit()}

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """network: both towers of the profile's judge."""
        if not self.everything.captions:
            raise NotAvailable(f"{self.folder} has no captions; put captions.csv (columns image and caption) there")
        found = self._embedded(self._judge())
        network = found.rows(self._rows(split), f"{split} of {list(self.sizes.values())}").unit()
        return {"network": network, "source": self.embeddings(split)}

    def _judge(self) -> ClipEncoder:
        if not self.judge:
            raise NotAvailable(f"profile of world {self.name} names no judge; --set judge=MODEL gives one")
        if self.judge == self.model:
            raise CompanionError(f"judge and encoder are both {self.model}, which is circular; name another judge")
        return open_model(self.judge)

    def _embedded(self, encoder: ClipEncoder) -> Embeddings:
        return embed(self.everything, encoder, towers=("image", "text") if self.everything.captions else ("image",))

    def _rows(self, split: str) -> np.ndarray:
        return cut(len(self.everything), self.sizes, split, self.name)


class OwnArrays(World):
    """Embeddings that the user made: see `lib.data.own_vectors`. Without a judge of their own, the texts judge."""

    name = "own-arrays"

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self.folder = own_folder(profile)

    @cached_property
    def everything(self) -> OwnVectors:
        """All rows, before they are split."""
        return own_vectors(self.folder)

    def embeddings(self, split: str) -> Embeddings:
        ids, image, text, _, identity = self.everything
        return self._rows_of(Embeddings(ids, image, text, self.folder.name, False, {"own": identity}), split)

    def judges(self, split: str) -> dict[str, Embeddings]:
        """network: judge.npy, or the texts, which are of the same model and so only half independent."""
        ids, _, text, judge, identity = self.everything
        if judge is None and text is None:
            raise NotAvailable(
                f"{self.folder} has neither judge.npy nor text.npy; a score of meaning needs one of them"
            )
        matrix = text if judge is None else judge
        return {"network": self._rows_of(Embeddings(ids, matrix, None, "own judge", False, {"judge": identity}), split)}

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """network: judge.npy, or the texts, which stand for their pictures."""
        judge = self.judges(split)["network"]
        both = Embeddings(judge.ids, judge.image, judge.image, judge.encoder, True, judge.identity)
        return {"network": both, "source": self.embeddings(split)}

    def _rows_of(self, whole: Embeddings, split: str) -> Embeddings:
        rows = cut(len(whole), self.sizes, split, self.name)
        return whole.rows(rows, f"{split} of {list(self.sizes.values())}").unit()


def open_model(name: str | None) -> ClipEncoder:
    """The model of a profile: `photos-clip`, a shipped model, a folder, `hf-hub:...`, or `ARCHITECTURE TAG`."""
    if not name:
        raise NotAvailable("the profile names no encoder; --set encoder=MODEL gives one")
    if name == "photos-clip":
        from lib.encoders.photos_clip import photos_clip

        return photos_clip()
    architecture, _, tag = name.partition(" ")
    return load_clip(architecture, pretrained=tag or None)


class Clip(Photos):
    """Flickr8k by a published open_clip model. The judge, MiniLM on the five captions, shares nothing with it."""

    name = "clip"

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self.model = profile.encoder

    @cached_property
    def encoder(self) -> ClipEncoder:
        """The model that the profile names; fetched from the hub if it is not here."""
        return open_model(self.model)

    def embeddings(self, split: str) -> Embeddings:
        return embed(self.pairs(split), self.encoder).unit()

    def activations(self, split: str, layer: int | None) -> Embeddings:
        if layer is None:
            return self.embeddings(split)
        return embed(self.pairs(split), self.encoder, towers=("image",), layer=layer)

    def captions(self, split: str) -> np.ndarray:
        each, _ = each_caption(self.pairs(split))
        return embed(each, self.encoder, towers=("text",)).unit().tower("text").reshape(self.sizes[split], 5, -1)
