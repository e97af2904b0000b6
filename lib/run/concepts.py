"""The concepts of one's own pictures, in words: the first thing to ask of them.

The dictionary of a profile's world says which latents a picture activates. Each latent is called by the word whose text
embedding lies nearest to what it writes, as in notebook 05, which tests such names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lib.data.errors import CompanionError
from lib.data.files import ROOT
from lib.data.folder import folder_pairs
from lib.encoders.class_texts import class_texts
from lib.run.profiles import Profile
from lib.run.search import embedded, left_out
from lib.run.start import open_session
from lib.run.studies.naming import centred
from lib.run.studies.text_editing import dictionary

EVERYDAY = ROOT / "lib" / "data" / "everyday_words.txt"
"""What photographs show: people, animals, places, things, doings, colours."""

TEMPLATE = "a photo of {}"


def read_words(path: Path = EVERYDAY) -> list[str]:
    """The words of a file, one a line."""
    if not path.is_file():
        raise CompanionError(f"{path}: no such file; give a file of words, one a line")
    words = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    if len(set(filter(None, words))) < 2:
        raise CompanionError(f"{path} has fewer than two words; write one a line")
    return list(dict.fromkeys(filter(None, words)))


def concepts(folder: Path, profile: Profile, words: Sequence[str], k: int = 5) -> Iterator[str]:
    """One line for each picture that can be read: its k strongest concepts by their words, with their activations."""
    pairs = folder_pairs(folder)
    encoder, pictures = embedded(pairs, profile)
    if encoder.encode_texts is None:
        raise CompanionError(f"{encoder.name} has no text tower; concepts need a profile whose encoder reads captions")
    session = open_session("concepts", profile)
    sae = dictionary(session, session.seeds[0])
    rows = sae.W_dec.detach().cpu().numpy()
    named = (rows @ centred(class_texts(session.world.encoder, words, [TEMPLATE])).T).argmax(axis=1)
    codes = sae.codes(pictures.unit()).csr()
    for place, name in enumerate(pictures.ids):
        found: dict[str, float] = {}
        row = codes[[place]]
        for which in np.argsort(-row.data, kind="stable"):
            found.setdefault(words[named[row.indices[which]]], float(row.data[which]))
        yield f"{name}: " + ", ".join(f"{word} {value:.2f}" for word, value in list(found.items())[:k])
    yield from left_out(pairs, pictures)
    yield f"{len(pictures)} pictures, {sae.width} latents, each called by the nearest of {len(words)} words"
