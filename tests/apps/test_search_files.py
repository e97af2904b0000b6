"""`search` and `concepts` on real photographs as files in a folder: Flickr8k's test split, with five captions each.

Needs the photographs (COMPANION_DATA) and the packages of the extra `photos`.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lib.apps.concepts import nearest_words
from lib.apps.search import PictureSearch, open_search
from lib.apps.words import read_words
from lib.data.captions import each_caption
from lib.data.pairs import Pairs
from lib.data.sets.flickr8k import flickr8k
from lib.encoders.class_texts import class_texts
from lib.encoders.photo_towers import IMAGE_FILE
from lib.metrics.retrieval import retrieval
from lib.worlds.profiles import load_profile

pytestmark = [
    pytest.mark.data,
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec(IMAGE_FILE[0]) is None, reason="the extra `photos` is not installed"),
]

PICTURES = int(os.environ.get("COMPANION_TEST_PICTURES", "200"))
"""Photographs of the folder, the first of the split; all of them take some minutes."""

PART = 100
"""Captions in one forward pass; five thousand at once take gigabytes."""

DEPTHS = (1, 5, 10)


@pytest.fixture(scope="module")
def pairs(data_root: Path) -> Pairs:
    """The photographs and their captions."""
    return flickr8k("test").first(PICTURES)


@pytest.fixture(scope="module")
def search(pairs: Pairs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PictureSearch]:
    """The folder, as `lib search` opens it."""
    folder = tmp_path_factory.mktemp("photographs")
    assert pairs.images is not None
    for name, picture in zip(pairs.ids.tolist(), pairs.images, strict=True):
        picture.save(folder / name, quality=95)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield open_search(folder, load_profile("photos"))


def test_search_finds_as_much_as_the_plain_cosine(search: PictureSearch, pairs: Pairs) -> None:
    each, owner = each_caption(pairs)
    texts = [text for (text,) in each.captions or ()]
    parts = [search.encoder.encode_texts(texts[start : start + PART]) for start in range(0, len(texts), PART)]
    vectors = np.concatenate(parts)
    plain = retrieval(search.pictures.tower("image"), vectors, places(search, pairs)[owner]).text_to_image
    found = np.full(len(texts), np.inf)
    for query, text in enumerate(texts):
        names = [hit.name for hit in search.search(text, max(DEPTHS))]
        if (own := str(pairs.ids[owner[query]])) in names:
            found[query] = 1 + names.index(own)
    for depth in DEPTHS:
        ours, theirs = float((found <= depth).mean()), plain.recall(depth)
        print(f"R@{depth} of {len(pairs)}: search {ours:.4f}, plain cosine {theirs:.4f}")
        assert ours >= theirs - 1e-9


def test_concepts_says_the_nearest_word(search: PictureSearch, pairs: Pairs) -> None:
    """The first word that `concepts` shows is in a picture's captions as often as the word of the largest cosine."""
    words, _ = read_words()
    vectors = class_texts(search.encoder, words, ["a photo of {}"])
    rows = search.pictures.tower("image")[places(search, pairs)]
    said = [" ".join(texts).lower() for texts in pairs.captions or ()]
    shown = [next(iter(nearest_words(row, vectors, words, 5))) for row in rows]
    nearest = [words[place] for place in (rows @ vectors.T).argmax(axis=1)]
    ours, theirs = (np.mean([word in text for word, text in zip(some, said, strict=True)]) for some in (shown, nearest))
    print(f"the first word is in a caption, of {len(rows)}: concepts {ours:.3f}, nearest word {theirs:.3f}")
    assert ours >= theirs and ours > 0.2


def places(search: PictureSearch, pairs: Pairs) -> np.ndarray:
    """The row of each picture of the pairs among those of the folder, which are sorted by name."""
    at = {name: row for row, name in enumerate(search.pictures.ids.tolist())}
    return np.array([at[name] for name in pairs.ids.tolist()])
