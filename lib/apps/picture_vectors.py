"""A folder's pictures as vectors, kept from call to call: only new and changed pictures go through the encoder."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from lib.base.errors import CompanionError
from lib.base.files import cache_root, digest, state_of, write_atomic
from lib.base.names import count
from lib.data.chosen import choose_pairs
from lib.data.formats.images import ImageFolder
from lib.data.pairs import Pairs
from lib.data.tally import Tally
from lib.encoders.embeddings import Embeddings
from lib.encoders.encoder import Encoder, TextEncoder
from lib.encoders.open_model import open_model
from lib.encoders.reading import read_medium
from lib.encoders.store import embed
from lib.worlds.session import Session

_BATCH = 16
"""Pictures in one forward pass, and in one step of the progress bar. Large batches are slower on a CPU, since their
activations take new memory every time.
"""

_SHARD = 256
"""The largest number of pictures that a killed run loses."""


def choose_encoder(session: Session, model: str | None) -> TextEncoder:
    """Return the encoder of a session's world, or the open_clip model named in its place; it must have a text tower."""
    encoder: TextEncoder = open_model(model) if model else session.world.encoder
    if encoder.encode_texts is None:
        raise CompanionError(f"{encoder.name} has no text tower; search and concepts need one that reads captions")
    return encoder


def embed_pictures(pairs: Pairs, encoder: Encoder) -> Embeddings:
    """Embed the pictures of a folder that can be read: unit rows, in the order of the pairs.

    The cache keeps the vectors of each folder with the size and time of change of every picture, so known pictures are
    not opened again, and removed ones are forgotten.
    """
    assert isinstance(pairs.images, ImageFolder)
    folder = pairs.images.folder.resolve()
    key = digest({"folder": str(folder), "encoder": encoder.identity})
    file = cache_root() / "pictures" / f"{key[:24]}.npz"
    states = [state_of([pairs.images.folder / name], pairs.images.folder) for name in pairs.images.names]
    known = _read(file)
    new = [row for row, state in enumerate(states) if state not in known]
    if known:  # an unreadable picture is tried again each time; alone it would be refused
        new = [row for row in new if not isinstance(read_medium(pairs.images, row), dict)]
    if new:
        part = pairs  # as a world of a user's own pictures, so that both share the embeddings
        if len(new) < len(pairs):
            part = replace(choose_pairs(pairs, new), identity={"pictures": digest([states[row] for row in new])})
        made = embed(part, encoder, towers=("image",), batch=_BATCH, shard=_SHARD, on_bad="skip")
        state_by_name = dict(zip(pairs.ids.tolist(), states, strict=True))
        rows = zip(made.ids.tolist(), made.unit().tower("image"), strict=True)
        known |= {state_by_name[name]: vector for name, vector in rows}
    kept = [row for row, state in enumerate(states) if state in known]
    if not kept:
        raise CompanionError(f"{pairs.images.folder}: none of its pictures can be read; check where they come from")
    matrix = np.stack([known[states[row]] for row in kept])
    if new:
        _write(file, [states[row] for row in kept], matrix)
    identity = {"pictures": digest([states[row] for row in kept]), "encoder": encoder.identity}
    return Embeddings(pairs.ids[kept], matrix, None, encoder.name, True, identity)


def account(pairs: Pairs, pictures: Embeddings) -> str:
    """Say in one line what became of every entry of a folder. pairs: its pictures. pictures: those that were read."""
    bad = sorted({*pairs.ids.tolist()} - {*pictures.ids.tolist()})
    return (pairs.tally or Tally("pictures")).leaving("unreadable picture", bad).line()


def embedded(folder: Path, pairs: Pairs, pictures: Embeddings) -> str:
    """Say how many pictures of a folder an encoder embedded."""
    return f"{len(pictures):,} of {count(len(pairs), 'picture')} in {folder} embedded by {pictures.encoder}"


def _read(file: Path) -> dict[str, np.ndarray]:
    """Read the vectors in a file of the cache, by the state of their picture; none if there is no such file."""
    try:
        with np.load(file) as stored:
            return dict(zip(stored["states"].tolist(), stored["image"], strict=True))
    except (OSError, ValueError, KeyError, BadZipFile):  # it is missing, or no longer what was written
        return {}


def _write(file: Path, states: list[str], image: np.ndarray) -> None:
    stream = io.BytesIO()
    np.savez(stream, states=np.array(states), image=image)
    write_atomic(file, stream.getvalue())
