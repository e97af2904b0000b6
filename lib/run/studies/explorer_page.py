"""The explorer as one HTML file: its pages made beforehand, for who has no kernel. It fetches nothing."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lib.data.pairs import Pairs
from lib.run.studies.explore import Concepts, Edits, Steering

LATENTS = 60
"""Best latents that can be picked."""

CAPTIONS = 20
"""Captions of the first test pictures that can be picked, beside the asked ones."""

STRENGTHS = (1, 2, 4)
"""Strengths that a concept can be clamped to."""

PICTURES = (1, 2, 3)
"""Dev pictures that the LLaVA describes."""

TEMPLATE = Path(__file__).with_name("explorer_page.html")
QUALITY = 80
"""Of the pictures, as WebP."""


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


def explorer_page(concepts: Concepts, edits: Edits, steering: Steering, asked: Iterable[str] = ()) -> str:
    """The page. asked: captions to offer before those of the test pictures."""
    album = Album()
    data = {
        "latents": _latents(concepts, album),
        "captions": _captions(edits, album, asked),
        "clamps": _clamps(steering, album),
        "pictures": album.pictures,
    }
    return TEMPLATE.read_text(encoding="utf-8").replace("{{data}}", json.dumps(data).replace("<", "\\u003c"))


def _latents(concepts: Concepts, album: Album) -> list[dict[str, Any]]:
    split = concepts.session.world.concept_split
    pairs = concepts.session.world.pairs(split)
    return [
        {
            "facts": {name: str(value) for name, value in concepts.facts(place).items()},
            "captions": concepts.captions(place),
            "pictures": album.add(split, pairs, concepts.top[0].rows[latent]),
        }
        for place, latent in enumerate(concepts.latents[:LATENTS])
    ]


def _captions(edits: Edits, album: Album, asked: Iterable[str]) -> list[dict[str, Any]]:
    pairs = edits.session.world.pairs("test")
    pages = []
    for caption in [*asked, *(texts[0] for texts in pairs.captions[:CAPTIONS])]:
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
    choices = steering.choices()
    return {
        "concepts": [name for name, _ in choices],
        "strengths": STRENGTHS,
        "pictures": album.add("dev", steering.session.world.pairs("dev"), PICTURES),
        "plain": steering.plain(PICTURES),
        "clamped": [[steering.clamped(place, strength, PICTURES) for strength in STRENGTHS] for _, place in choices],
    }
