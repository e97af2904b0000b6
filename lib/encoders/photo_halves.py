"""Flickr8k by heads that have read one half of its training photos, so that the other half is as new to them as a test.

What an encoder makes of pairs that it was trained on says little about pairs that it meets later: the heads of
photos-clip find more than half of their own pictures and a fifth of others. Whoever trains on top of an encoder needs
pairs that it has not seen. Made by `python -m lib.encoders.training.photo_half_heads`.
"""

from __future__ import annotations

from functools import cache

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.base.places import MODELS
from lib.data.pairs import Pairs
from lib.data.sets.flickr8k import flickr8k
from lib.encoders.photo_heads import Heads, features, split_vectors
from lib.encoders.photo_towers import SHA256
from lib.encoders.photo_vectors import PhotoVectors
from lib.encoders.tensors import read_tensors

NAME = "photos-halves"
HEADS = MODELS / NAME / "heads.safetensors"

HALF = 3000
"""Training photos that the heads have read: the first of Flickr8k's list."""

SPLITS = {
    "learnt": ("train", slice(0, HALF)),
    "train": ("train", slice(HALF, None)),
    "dev": ("dev", slice(None)),
    "test": ("test", slice(None)),
}
"""Splits here: which rows they are of which of Flickr8k's."""


def half_pairs(split: str) -> Pairs:
    """Pictures and captions of a split."""
    source, rows = _source(split)
    whole = flickr8k(source)
    assert whole.images is not None and whole.captions is not None
    identity = {**whole.identity, "rows": [rows.start, rows.stop]}
    return Pairs(whole.ids[rows], whole.images[rows], whole.captions[rows], identity)


@cache
def half_vectors(split: str) -> PhotoVectors:
    """The vectors of a split, computed from the towers' features. NotAvailable without Flickr8k or the towers."""
    source, rows = _source(split)
    ids = flickr8k(source).ids[rows]
    heads = Heads().eval()
    tensors = read_tensors(HEADS, "restore it from the repository, or run lib.encoders.training.photo_half_heads")
    heads.load_state_dict({name: value.float() for name, value in tensors.items()})
    made = split_vectors(heads, features(source).rows(rows))
    identity = {"model": NAME, "split": split, "heads": sha256_file(HEADS), "towers": SHA256}
    return PhotoVectors(ids, made.image, made.text, made.judge, identity)


def _source(split: str) -> tuple[str, slice]:
    if split not in SPLITS:
        raise CompanionError(f"{NAME} has no split {split!r}; known: {', '.join(SPLITS)}")
    return SPLITS[split]
