"""The renderer of scenes, in integers only, so that pixels have the same bytes on every machine."""

from __future__ import annotations

from functools import cache

import numpy as np

from lib.data.scenes.glyphs import stamp
from lib.data.scenes.layout import SIDE, Layout, Thing
from lib.data.scenes.scene_words import BACKGROUNDS, COLOURS, KINDS, PATTERNS, TEXTURES

_ROWS, _COLUMNS = np.mgrid[0:SIDE, 0:SIDE]


@cache
def _backdrop(background: int, pattern: int, phase: int) -> np.ndarray:
    """Draw a background, int16 (SIDE, SIDE, 3): its colour, darkened by its pattern."""
    x, y = _COLUMNS + phase, _ROWS + phase
    dark = {
        "plain": np.zeros_like(x),
        "striped": 24 * (y // 4 % 2),
        "checked": 24 * ((x // 8 + y // 8) % 2),
        "dotted": 40 * ((x % 8 < 3) & (y % 8 < 3)),
        "shaded": _ROWS * 60 // SIDE,
        "hatched": 34 * ((x + y) % 6 < 2),
    }[PATTERNS[pattern]]
    base = np.array(tuple(BACKGROUNDS.values())[background])
    return (base - dark[..., None]).astype(np.int16)


def _colours(thing: Thing) -> np.ndarray:
    """Draw the fill of an object with its texture, int32 (side, side, 3)."""
    base = np.array(tuple(COLOURS.values())[thing.colour], dtype=np.int32)
    y, x = np.mgrid[0 : thing.side, 0 : thing.side]
    light = {
        "solid": np.zeros_like(x),
        "banded": np.where(x // 2 % 2 == 1, 32, 0),
        "speckled": np.where((x % 4 < 2) & (y % 4 < 2), 42, 0),
    }[TEXTURES[thing.texture]]
    return base + (255 - base) * light[..., None] // 100


def _add(canvas: np.ndarray, thing: Thing) -> None:
    silhouette, ink = stamp(thing.kind, thing.side, thing.step)
    top, left = thing.y - thing.side // 2, thing.x - thing.side // 2
    area: np.ndarray = canvas[top : top + thing.side, left : left + thing.side].astype(np.int32)
    colours = _colours(thing)
    cover = silhouette[..., None].astype(np.int32)
    area = (area * (255 - cover) + colours * cover + 127) // 255
    if KINDS[thing.kind].hollow:
        lines = ink[..., None].astype(np.int32)
        area = (area * (255 - lines) + colours * 2 // 5 * lines + 127) // 255
    canvas[top : top + thing.side, left : left + thing.side] = area


def render(layout: Layout, random: np.random.Generator) -> np.ndarray:
    """Draw the picture of a layout, uint8 (SIDE, SIDE, 3); `random` decides the places of the clutter and the noise."""
    canvas = _backdrop(layout.background, layout.pattern, layout.phase).copy()
    marks = random.integers(0, SIDE - 3, size=(layout.clutter, 4))
    for row, column, height, width in marks.tolist():
        canvas[row : row + 1 + height % 3, column : column + 1 + width % 3] -= 50
    for thing in reversed(layout.things):  # the main object last, on top
        _add(canvas, thing)
    if layout.noise:
        amplitude = 4 * layout.noise
        grain = np.frombuffer(random.bytes(canvas.size), dtype=np.uint8).reshape(canvas.shape)
        canvas += (grain % (2 * amplitude + 1)).astype(np.int16) - amplitude
    return canvas.clip(0, 255).astype(np.uint8)
