"""Describe a folder's pictures in words: the nearest words of each picture, and latents whose names were tested.

The cosine says how near a word is to a picture. On photographs that is right more often than the names of latents
(notebook 05; `tests/apps/test_search_quality.py`), so latents come second. The name of a latent is the word whose text
embedding is nearest to the latent's decoder row, and a latent is shown only if captions that people wrote confirm its
name: those of the world's dev pictures, which the dictionary has not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lib.apps.contact_sheet import Section, Tile, write_sheet
from lib.apps.picture_vectors import account, choose_encoder, embed_pictures
from lib.base.errors import CompanionError, NotAvailable
from lib.base.names import count, printable
from lib.data.formats.folders import picture_folder
from lib.encoders.class_texts import class_texts
from lib.encoders.clip import ClipEncoder
from lib.encoders.embeddings import Embeddings
from lib.encoders.encoder import Encoder
from lib.encoders.truncation import cut_off, unknown
from lib.metrics.auroc import aurocs
from lib.metrics.rows import centre_words
from lib.papers.common.dictionaries import train_recipe
from lib.papers.p4.settings import DICTIONARY
from lib.sae.base import SAE
from lib.worlds.profiles import Profile
from lib.worlds.session import Session, open_session

LEAST_ACTIVE = 10
"""Number of dev pictures that must activate a latent, and of others that must not, for its name to be tested."""

LEAST_AUROC = 0.9
"""Least AUROC with which the cosine of a name and dev captions must find the pictures that activate its latent."""

_TEMPLATE = "a photo of {}"

_SHOWN = 60
"""Letters of a word that an error shows at most."""


def name_concepts(
    folder: Path,
    profile: Profile,
    words: Sequence[str],
    k: int = 5,
    *,
    model: str | None = None,
    html: Path | None = None,
) -> Iterator[str]:
    """Yield one line for each picture that can be read: its k nearest words by cosine, and the names of tested latents.

    model: an open_clip model in place of the profile's encoder; then no latents are shown, since the dictionary belongs
    to the profile's encoder. html: also write a contact sheet.
    """
    pairs = picture_folder(folder)
    session = open_session("concepts", profile)
    encoder = choose_encoder(session, model)
    _check_words(encoder, words)
    vectors = class_texts(encoder, words, [_TEMPLATE])
    pictures = embed_pictures(pairs, encoder)
    latents: list[dict[str, float]] = [{} for _ in pictures.ids]
    about = f"{count(len(pictures), 'picture')}, each by the nearest of {len(words)} words"
    if model is None:
        sae = train_recipe(session, DICTIONARY, session.seeds[0])
        names = names_that_pass(session, sae, vectors)
        latents = name_latents(sae, pictures, {latent: words[word] for latent, word in names.items()}, k)
        about += f"; {len(names)} of {sae.width} latents have a name that captions bear out"
    tiles = []
    for row, name in enumerate(pictures.ids.tolist()):
        lines = [_listed(nearest_words(pictures.tower("image")[row], vectors, words, k))]
        lines += [f"latents: {_listed(latents[row])}"] if latents[row] else []
        yield f"{printable(name)}: {'; '.join(lines)}"
        tiles.append(Tile(name, lines))
    yield account(pairs, pictures)
    yield about
    if html:
        sections = [Section("The nearest words, with their cosines", [about], tiles)]
        yield write_sheet(html, f"Concepts of {folder.resolve().name}", sections, pairs)


def nearest_words(picture: np.ndarray, vectors: np.ndarray, words: Sequence[str], k: int) -> dict[str, float]:
    """Return the k words whose unit vectors (words, d) are nearest to that of a picture, (d,), with their cosines."""
    cosines = vectors @ picture
    return {words[place]: float(cosines[place]) for place in np.argsort(-cosines, kind="stable")[:k]}


def names_that_pass(session: Session, sae: SAE, vectors: np.ndarray) -> dict[int, int]:
    """Return latents whose names the captions of dev pictures confirm, with the number of the word. vectors: (words,
    d).

    At least LEAST_ACTIVE dev pictures must activate the latent, and their captions must have larger cosines with its
    name than those of other pictures: an AUROC of at least LEAST_AUROC.
    """
    try:
        dev, captions = session.world.embeddings("dev"), session.world.caption_embeddings("dev")
    except NotAvailable:
        return {}
    centred = centre_words(vectors)
    named = (sae.W_dec.detach().cpu().numpy() @ centred.T).argmax(axis=1)
    active = sae.codes(dev).dense() > 0
    fires = active.sum(axis=0)
    tested = np.flatnonzero((fires >= LEAST_ACTIVE) & (len(active) - fires >= LEAST_ACTIVE))
    if not len(tested):
        return {}
    cosines = captions.mean(axis=1) @ centred.T
    found = aurocs(active[:, tested], cosines[:, named[tested]])
    return {int(latent): int(named[latent]) for latent in tested[found >= LEAST_AUROC]}


def name_latents(sae: SAE, pictures: Embeddings, names: dict[int, str], k: int) -> list[dict[str, float]]:
    """Return for each picture the names of its k strongest named latents, with their activations."""
    codes, shown = sae.codes(pictures).csr(), []
    for row in range(len(pictures)):
        found: dict[str, float] = {}
        part = codes[[row]]
        for place in np.argsort(-part.data, kind="stable"):
            if (latent := int(part.indices[place])) in names:
                found.setdefault(names[latent], float(part.data[place]))
        shown.append(dict(list(found.items())[:k]))
    return shown


def _check_words(encoder: Encoder, words: Sequence[str]) -> None:
    """Refuse words of which the encoder knows nothing, and those whose end it would not read."""
    if not isinstance(encoder, ClipEncoder):
        return
    long = cut_off(encoder, [_TEMPLATE.format(word) for word in words])
    for what, bad in (("knows nothing", unknown(encoder, words)), ("does not read the end", long)):
        if bad.any():
            first = words[int(bad.argmax())][:_SHOWN]
            raise CompanionError(
                f"{encoder.name} {what} of {count(int(bad.sum()), 'word')}, first {first!r}; drop them"
            )


def _listed(values: dict[str, float]) -> str:
    return ", ".join(f"{word} {value:.2f}" for word, value in values.items())
