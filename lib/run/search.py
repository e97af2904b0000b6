"""The two commands of picture search: make a folder ready, and find the pictures of a caption in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lib.data.errors import CompanionError
from lib.data.folder import folder_pairs
from lib.data.pairs import Pairs
from lib.editing.search import SHORTLIST, Index
from lib.editing.train_masker import train_masker_cached
from lib.encoders.embeddings import Embeddings
from lib.encoders.encoder import Encoder
from lib.encoders.store import embed
from lib.run.profiles import Profile
from lib.run.start import open_session
from lib.run.studies.text_editing import ARMS, dictionary, masker_pairs

ARM = "masker + text"
"""What edits: the whole of TEVI."""

BATCH = 16
"""Pictures in one forward pass. Large batches are slower on a CPU: their activations are new memory every time."""

SHARD = 256
"""Pictures between two steps of the progress bar, and what a killed run loses at most."""

NAMED = 5
"""So many unreadable pictures are named; the others are counted."""


def index_folder(folder: Path, profile: Profile) -> Iterator[str]:
    """Embed a folder's pictures with the encoder of a profile's world, and train what searching them needs.

    Everything lies in the cache, so a second call only looks; after a change in the folder all are embedded anew.
    """
    pairs = folder_pairs(folder)
    encoder, pictures = embedded(pairs, profile)
    yield f"{len(pictures)} of {len(pairs)} pictures in {folder} embedded by {encoder.name}"
    yield from left_out(pairs, pictures)
    index = make_index(pictures, profile)
    yield f"ready to be searched: {index.codes.nnz / len(index):.1f} of {index.codes.shape[1]} latents a picture"


def search_folder(folder: Path, caption: str, profile: Profile, k: int = 10) -> Iterator[str]:
    """The k best pictures for a caption, one line each: rank, score, path in the folder."""
    encoder, pictures = embedded(folder_pairs(folder), profile)
    if encoder.encode_texts is None:
        raise CompanionError(f"{encoder.name} has no text tower; search needs a profile whose encoder reads captions")
    index = make_index(pictures, profile)
    shortlist = max(SHORTLIST, k)
    for rank, hit in enumerate(index.search(encoder.encode_texts([caption])[0], k, shortlist=shortlist), 1):
        yield f"{rank:>3}  {hit.score:.3f}  {hit.name}"
    how = "all scored exactly" if len(index) <= shortlist else f"the first stage's best {shortlist} scored exactly"
    yield f"{len(index)} pictures, {how}"


def make_index(pictures: Embeddings, profile: Profile) -> Index:
    """An index of pictures that the profile's encoder embedded, by its dictionary and masker of the first seed."""
    session = open_session("search", profile)
    sae, config = dictionary(session, session.seeds[0]), replace(ARMS[ARM], seed=session.seeds[0])
    return Index(pictures, sae, train_masker_cached(config, sae, masker_pairs(session)).masker)


def embedded(pairs: Pairs, profile: Profile) -> tuple[Encoder, Embeddings]:
    """The encoder of a profile's world, and what it makes of those pictures that can be read."""
    encoder = open_session("search", profile).world.encoder
    return encoder, embed(pairs, encoder, towers=("image",), batch=BATCH, shard=SHARD, on_bad="skip")


def left_out(pairs: Pairs, pictures: Embeddings) -> Iterator[str]:
    """One line on the pairs that could not be read, if there are any."""
    bad = sorted({*pairs.ids.tolist()} - {*pictures.ids.tolist()})
    if bad:
        more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        yield f"{len(bad)} cannot be read and are left out: {', '.join(bad[:NAMED])}{more}"
