"""Object stamps: glyphs of the DejaVu Sans font that matplotlib ships, rotated and scaled in integer arithmetic.

Integers make the bytes the same on every machine. Only the font rasteriser of the pinned Pillow could round, and it
works in fixed point.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from lib.data.scenes.scene_words import KINDS

_MASTER = 96
"""The side of the master drawing of a glyph, in pixels."""

_TURN_STEPS = 36
"""The number of steps of 10 degrees in a full turn."""

_SUPERSAMPLING = 4
"""The number of points per pixel side at which a stamp is sampled."""

_ONE = 1 << 12
"""The unit of the fixed-point sines."""

_QUADRANT = (0, 711, 1401, 2048, 2633, 3138, 3547, 3849, 4034, 4096)
"""The fixed-point sines of the ten-degree steps in the first quadrant; the others follow by symmetry."""


def _sine(step: int) -> int:
    step %= _TURN_STEPS
    if step >= 18:
        return -_sine(step - 18)
    return _QUADRANT[step] if step <= 9 else _QUADRANT[18 - step]


@cache
def _font() -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), 200, layout_engine=ImageFont.Layout.BASIC)


@cache
def master(kind: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the ink and the silhouette of a kind, two centred boolean drawings of 96 x 96 pixels.

    Their lines are thick enough to survive the reduction to a dozen pixels.
    """
    glyph = chr(KINDS[kind].glyph)
    left, top, right, bottom = (int(edge) for edge in _font().getbbox(glyph))
    side = max(right - left, bottom - top)
    drawing = Image.new("L", (side, side), 0)
    at = ((side - (right - left)) // 2 - left, (side - (bottom - top)) // 2 - top)
    ImageDraw.Draw(drawing).text(at, glyph, fill=255, font=_font())
    margin = 7
    ink = Image.new("L", (_MASTER, _MASTER), 0)
    ink.paste(drawing.resize((_MASTER - 2 * margin, _MASTER - 2 * margin), Image.Resampling.BOX), (margin, margin))
    ink = ink.point(lambda value: 255 if value > 100 else 0).filter(ImageFilter.MaxFilter(3))
    outside = ink.copy()
    ImageDraw.floodfill(outside, (0, 0), 128)
    silhouette = outside.point(lambda value: 0 if value == 128 else 255)
    if not KINDS[kind].hollow:
        silhouette = ink
    return np.asarray(ink) > 0, np.asarray(silhouette) > 0


@cache
def stamp(kind: int, size: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw how far each pixel of a stamp is covered by the silhouette and by the ink, uint8 (size, size), 0 to 255.

    size: the side of the stamp in pixels. step: the counter-clockwise turn in steps of ten degrees.
    """
    n = size * _SUPERSAMPLING
    grid = 2 * np.arange(n, dtype=np.int64) - (n - 1)  # twice the offset from the centre
    x, y = np.meshgrid(grid, grid)
    cosine, sine = _sine(step + 9), _sine(step)
    column = (cosine * x - sine * y) * _MASTER // (2 * n * _ONE) + _MASTER // 2
    row = (sine * x + cosine * y) * _MASTER // (2 * n * _ONE) + _MASTER // 2
    inside = (column >= 0) & (column < _MASTER) & (row >= 0) & (row < _MASTER)
    column, row = column.clip(0, _MASTER - 1), row.clip(0, _MASTER - 1)

    def cover(drawing: np.ndarray) -> np.ndarray:
        hits = (drawing[row, column] & inside).reshape(size, _SUPERSAMPLING, size, _SUPERSAMPLING).sum(axis=(1, 3))
        return (hits * 255 // _SUPERSAMPLING**2).astype(np.uint8)

    ink, silhouette = master(kind)
    return cover(silhouette), cover(ink)
