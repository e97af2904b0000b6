"""The explorer as one HTML file that needs no kernel: its pages are made beforehand. It fetches nothing."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lib.apps.explorer.explore import DESCRIBED, STRENGTHS, Concepts, Edits, Steering
from lib.data.pairs import Pairs

PAGE_LATENTS = 60
"""Latents that can be picked: the best, and the best of those that stand for kinds of objects."""

PAGE_CAPTIONS = 20
"""Captions of the first test pictures that can be picked, besides the asked ones."""

_TEMPLATE = Path(__file__).with_name("explorer_page.html")
QUALITY = 80
"""Quality of the pictures as WebP, out of 100."""


class Album:
    """Pictures that a page shows, each once: a key, the picture as a data URI, and what it shows in words."""

    def __init__(self) -> None:
        self.pictures: dict[str, dict[str, str]] = {}

    def add(self, split: str, pairs: Pairs, rows: Iterable[int]) -> list[str]:
        """The keys of rows of a split."""
        return [self._key(f"{split} {row}", pairs, int(row)) for row in rows]

    def _key(self, key: str, pairs: Pairs, row: int) -> str:
        if key not in self.pictures:
            assert pairs.images is not None
            stream = io.BytesIO()
            Image.fromarray(np.asarray(pairs.images[row])).save(stream, "WEBP", quality=QUALITY)
            source = f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
            self.pictures[key] = {"src": source, "alt": pairs.captions[row][0] if pairs.captions else key}
        return key


def render_explorer(concepts: Concepts, edits: Edits, steering: Steering, asked: Iterable[str] = ()) -> str:
    """Make the page as HTML. asked: captions to offer before those of the test pictures."""
    album = Album()
    data = {
        "latents": _latents(concepts, album),
        "captions": _captions(edits, album, asked),
        "clamps": _clamps(steering, album),
        "pictures": album.pictures,
    }
    return _TEMPLATE.read_text(encoding="utf-8").replace("{{data}}", json.dumps(data).replace("<", "\\u003c"))


def _latents(concepts: Concepts, album: Album) -> list[dict[str, Any]]:
    split = concepts.session.world.concept_split
    pairs, places, pages = concepts.session.world.pairs(split), concepts.chosen(PAGE_LATENTS), []
    for place in places:
        facts = concepts.facts(place).drop(["latent", "nearest latents"])
        density, histogram = concepts.density(place)
        pages.append(
            {
                "latent": concepts.number(place),
                "name": str(facts["stands for"]),
                "facts": {name: str(value) for name, value in facts.items()}
                | {"fires on": f"{density:.1%} of pictures"},
                "histogram": histogram,
                "captions": concepts.captions(place),
                "examples": {name: album.add(split, pairs, rows) for name, rows in concepts.examples(place).items()},
                "nearest": [concepts.number(other) for other in concepts.nearest(place, places)],
                "opens": place == concepts.opening,
            }
        )
    return pages


def _captions(edits: Edits, album: Album, asked: Iterable[str]) -> list[dict[str, Any]]:
    pairs = edits.session.world.pairs("test")
    pages = []
    for caption in [*asked, *(texts[0] for texts in edits.session.world.captions("test")[:PAGE_CAPTIONS])]:
        kept = edits.kept(caption)
        pages.append(
            {
                "caption": caption,
                "best": {name: album.add("test", pairs, rows) for name, rows in edits.ranking(caption).items()},
                "kept": [[str(row.latent), row.fact, f"{row.mask:.2f}"] for row in kept.itertuples()],
            }
        )
    return pages


def _clamps(steering: Steering, album: Album) -> dict[str, Any]:
    choices, plain = steering.choices(), steering.plain(DESCRIBED)
    opening, strength, picture = steering.opening
    clamped = [[steering.clamped(place, one, DESCRIBED) for one in STRENGTHS] for _, place in choices]
    works = [
        [[steering.works(place, *both) for both in zip(plain, said, strict=True)] for said in by_strength]
        for (_, place), by_strength in zip(choices, clamped, strict=True)
    ]
    return {
        "concepts": [name for name, _ in choices],
        "sorts": [steering.sort(place) for _, place in choices],
        "strengths": STRENGTHS,
        "pictures": album.add("dev", steering.session.world.pairs("dev"), DESCRIBED),
        "plain": plain,
        "clamped": clamped,
        "works": works,
        "opens": [
            [place for _, place in choices].index(opening),
            STRENGTHS.index(strength),
            DESCRIBED.index(picture),
        ],
    }
