"""The explorer without a kernel: what its pages show, as data, and the HTML that shows it. It fetches nothing.

The data name pictures as "SPLIT ROW", and hold none: the world draws or reads them for whoever writes a page.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from lib.apps.explorer.explore import DESCRIBED, STRENGTHS, Concepts, Edits, Steering
from lib.worlds.world import World

PAGE_LATENTS = 60
"""Latents that can be picked: the best, and the best of those that stand for kinds of objects."""

PAGE_CAPTIONS = 20
"""Captions of the first test pictures that can be picked, besides the asked ones."""

_TEMPLATE = Path(__file__).with_name("explorer_page.html")
QUALITY = 80
"""Quality of the pictures as WebP, out of 100."""


class Shown(NamedTuple):
    """A picture of the page."""

    webp: bytes
    """The file."""
    alt: str
    """What it shows in words."""


def explorer_data(concepts: Concepts, edits: Edits, steering: Steering, asked: Iterable[str] = ()) -> dict[str, Any]:
    """Collect what the page shows, as JSON. asked: captions to offer before those of the test pictures."""
    return {"latents": _latents(concepts), "captions": _captions(edits, asked), "clamps": _clamps(steering)}


def read_pictures(data: Mapping[str, Any], world: World) -> dict[str, Shown]:
    """Read every picture that the data name from their world, each once."""
    return {key: _shown(world, *key.split()) for key in dict.fromkeys(_keys(data))}


def render_explorer(data: Mapping[str, Any], pictures: Mapping[str, Shown], place: str | None = None) -> str:
    """Make the page as HTML. place: the address of a picture, with {} for its name; without one the page holds them."""
    shown = {}
    for key, (webp, alt) in pictures.items():
        inside = f"data:image/webp;base64,{base64.b64encode(webp).decode()}"
        shown[key] = {"src": place.format(picture_name(key)) if place else inside, "alt": alt}
    text = json.dumps({**data, "pictures": shown}).replace("<", "\\u003c")
    return _TEMPLATE.read_text(encoding="utf-8").replace("{{data}}", text)


def picture_name(key: str) -> str:
    """Return the name of the file of a picture: "test-12" for "test 12"."""
    return key.replace(" ", "-")


def _keys(data: Mapping[str, Any]) -> Iterator[str]:
    for page in data["latents"]:
        for keys in page["examples"].values():
            yield from keys
    for page in data["captions"]:
        for keys in page["best"].values():
            yield from keys
    yield from data["clamps"]["pictures"]


def _shown(world: World, split: str, row: str) -> Shown:
    pairs, stream = world.pairs(split), io.BytesIO()
    assert pairs.images is not None
    Image.fromarray(np.asarray(pairs.images[int(row)])).save(stream, "WEBP", quality=QUALITY)
    return Shown(stream.getvalue(), pairs.captions[int(row)][0] if pairs.captions else f"{split} {row}")


def _named(split: str, rows: Iterable[int]) -> list[str]:
    """The pictures of rows of a split, as the data name them."""
    return [f"{split} {row}" for row in rows]


def _latents(concepts: Concepts) -> list[dict[str, Any]]:
    split, places, pages = concepts.session.world.concept_split, concepts.chosen(PAGE_LATENTS), []
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
                "examples": {name: _named(split, rows) for name, rows in concepts.examples(place).items()},
                "nearest": [concepts.number(other) for other in concepts.nearest(place, places)],
                "opens": place == concepts.opening,
            }
        )
    return pages


def _captions(edits: Edits, asked: Iterable[str]) -> list[dict[str, Any]]:
    pages = []
    for caption in [*asked, *(texts[0] for texts in edits.session.world.captions("test")[:PAGE_CAPTIONS])]:
        kept = edits.kept(caption)
        pages.append(
            {
                "caption": caption,
                "best": {name: _named("test", rows) for name, rows in edits.ranking(caption).items()},
                "kept": [[str(row.latent), row.fact, f"{row.mask:.2f}"] for row in kept.itertuples()],
            }
        )
    return pages


def _clamps(steering: Steering) -> dict[str, Any]:
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
        "pictures": _named("dev", DESCRIBED),
        "plain": plain,
        "clamped": clamped,
        "works": works,
        "opens": [
            [place for _, place in choices].index(opening),
            STRENGTHS.index(strength),
            DESCRIBED.index(picture),
        ],
    }
