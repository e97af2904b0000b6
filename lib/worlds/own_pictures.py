"""The world `own-pictures`: the user's own pictures, embedded and judged by open_clip models that the profile names."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lib.base.errors import CompanionError, NotAvailable
from lib.data.chosen import choose_pairs
from lib.data.formats.caption_files import find_captions
from lib.data.formats.folders import picture_folder, with_captions
from lib.data.formats.picture_files import shard_files
from lib.data.formats.webdataset import caption_shards
from lib.data.pairs import Pairs
from lib.encoders.clip import ClipEncoder
from lib.encoders.embeddings import Embeddings
from lib.encoders.open_model import open_model
from lib.encoders.shards import TOWERS
from lib.encoders.store import embed
from lib.encoders.truncation import cut_off, unknown
from lib.worlds.cut import check_fit, counting_copies, split_embeddings, split_rows
from lib.worlds.profiles import own_folder
from lib.worlds.world import Held, World

if TYPE_CHECKING:
    from lib.data.tally import OnBad, Tally
    from lib.worlds.profiles import Profile


class OwnPictures(World):
    """All pictures under a folder, with `captions.csv` or `captions.jsonl` if it has any; or webdataset shards.

    The profile's `on_bad` decides about pictures that cannot be read, or lack a caption where others have one.
    """

    name = "own-pictures"

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self._folder = own_folder(profile)
        self._encoder_name, self._judge_name = profile.encoder, profile.judge
        self._on_bad: OnBad = profile.on_bad

    @cached_property
    def _pictures(self) -> Pairs:
        """All pictures, before the split; read from a folder as `lib index` reads it, so that each is embedded once."""
        shards = shard_files(self._folder)
        return caption_shards(self._folder, self._on_bad) if shards else picture_folder(self._folder)

    @cached_property
    def _whole(self) -> Pairs:
        """The pictures with their captions, if there are any."""
        file = None if self._pictures.captions else find_captions(self._folder)
        return self._pictures if file is None else with_captions(self._pictures, file, self._on_bad)

    @cached_property
    def _readable(self) -> Pairs:
        """The pictures that can be read, from which the splits are cut; the tally names the others."""
        whole = self._whole  # first: an error in the captions should not wait for the pictures
        check_fit(self, len(whole))  # nor should splits that the folder cannot fill
        read = set(self._embed_pictures(self.encoder).ids.tolist()) if self._on_bad == "skip" else None
        bad = [name for name in whole.ids.tolist() if read is not None and name not in read]
        if not bad:
            return whole
        rows = [row for row, name in enumerate(whole.ids.tolist()) if name not in bad]
        tally = whole.tally and whole.tally.leaving("unreadable picture", bad)
        return replace(choose_pairs(whole, rows, unreadable=bad), tally=tally)

    def tally(self, read: bool = False) -> Tally | None:
        if not read or self._readable.tally is None:
            return self._whole.tally
        pairs = self._readable
        tally = counting_copies(self._readable.tally, self._image_rows(self.encoder).tower("image"))
        firsts = [texts[0] for texts in pairs.captions or ()]
        if firsts:
            tally = tally.leaving("unread caption end", pairs.ids[cut_off(self.encoder, firsts)].tolist())
            tally = tally.leaving("unknown caption", pairs.ids[unknown(self.encoder, firsts)].tolist())
        return tally

    def held(self) -> Held:
        return Held(len(self._whole), self._whole.captions is not None, self._judge_name is not None)

    @cached_property
    def encoder(self) -> ClipEncoder:
        """The open_clip model that the profile names."""
        return open_model(self._encoder_name)

    def pairs(self, split: str) -> Pairs:
        whole = self._readable
        return choose_pairs(whole, split_rows(self, len(whole), split), split=[split, *self.sizes.values()])

    def embeddings(self, split: str) -> Embeddings:
        return split_embeddings(self, self._embedded(self.encoder), split).unit()

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return network: the image tower of the profile's judge, another open_clip model than the one under study."""
        found = self._image_rows(self._judge_encoder)
        return {"network": split_embeddings(self, found, split).unit()}

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Return network: both towers of the profile's judge."""
        if not self._whole.captions:
            raise NotAvailable(f"{self._folder} has no captions; put captions.csv (columns image and caption) there")
        network = split_embeddings(self, self._embedded(self._judge_encoder), split).unit()
        return {"network": network, "source": self.embeddings(split)}

    @cached_property
    def _judge_encoder(self) -> ClipEncoder:
        name = self._judge_name
        if not name:
            raise NotAvailable(f"profile of world {self.name} names no judge; --set judge=MODEL gives one")
        if name == self._encoder_name:
            raise CompanionError(f"judge and encoder are both {name}, which is circular; name another judge")
        return open_model(name)

    def _embedded(self, encoder: ClipEncoder) -> Embeddings:
        pictures = self._image_rows(encoder)
        if not self._whole.captions:
            return pictures
        captions = embed(self._readable, encoder, towers=("text",))
        return replace(captions, image=pictures.image, identity={**captions.identity, "towers": list(TOWERS)})

    def _embed_pictures(self, encoder: ClipEncoder) -> Embeddings:
        return embed(self._pictures, encoder, towers=("image",), on_bad=self._on_bad)

    def _image_rows(self, encoder: ClipEncoder) -> Embeddings:
        """Embed the pictures from which the splits are cut."""
        ids = self._readable.ids.tolist()
        pictures = self._embed_pictures(encoder)
        places = {name: row for row, name in enumerate(pictures.ids.tolist())}
        if len(ids) == len(places):
            return pictures
        return pictures.rows(np.array([places[name] for name in ids]), "readable and captioned")
