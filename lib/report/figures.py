"""Figures: one style that reads from the last row of a lecture hall, the plots that several notebooks need, provenance.

Every figure is a PNG next to the table that it shows; `figures.json` records which notebook drew it and from what.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

from lib.base.errors import CompanionError
from lib.base.files import cache_root, digest, lock, sha256_file, write_atomic, write_json

METHOD, VARIANT, BASELINE, CEILING = "#0173b2", "#56b4e9", "#de8f05", "#029e73"
"""Colours of roles: the paper's method, a variant of it, the baseline, and a positive control."""

SECOND_BASELINE = "#cc78bc"
"""The colour of a second baseline in the same figure."""

CONTROL, SECOND_CONTROL = "0.35", "0.65"
"""The greys of chance levels and negative controls."""

MODALITIES = "#999933", "#882255"
"""Colours of pictures (or sounds) and of captions: no role has them."""

SMALL_PICTURE = 100
"""Height in pixels below which a picture keeps its pixels when it is enlarged, such as a rendered scene."""

_STYLE = {
    "font.size": 13,
    "axes.labelsize": 14,
    "axes.titlesize": 15,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "legend.title_fontsize": 12,
    "lines.linewidth": 2.2,
    "figure.figsize": (8, 4.5),
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "figure.constrained_layout.use": True,
}


def use_style() -> None:
    """Set the shared style: letters of 12 points and more, a palette for colour-blind readers, 110 dots per inch."""
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind", rc=_STYLE)


def save_figure(fig: Figure, path: Path, *, notebook: str, table: Path) -> Path:
    """Write a PNG, and note in `figures.json` next to it which notebook drew it from which table (sha256).

    table: the CSV of the plotted numbers, in the same folder. The PNG has no date and no version.
    """
    if path.suffix != ".png":
        raise CompanionError(f"figure {path.name} needs the suffix .png")
    if table.parent != path.parent or not table.is_file():
        raise CompanionError(f"figure {path.name}: no table {table.name} next to it; write the plotted numbers first")
    stream = io.BytesIO()
    fig.savefig(stream, format="png", metadata={"Software": None})
    write_atomic(path, stream.getvalue())
    note = {"notebook": notebook, "table": table.name, "sha256": sha256_file(table)}
    index = path.parent / "figures.json"
    # Notebooks that run at the same time share this file.
    with lock(cache_root() / "locks" / digest(str(index.resolve()))[:24]):
        notes = json.loads(index.read_text()) if index.exists() else {}
        write_json(index, notes | {path.name: note})
    return path


def seed_band(ax: Axes, x: ArrayLike, ys: ArrayLike, label: str, color: str, line: str = "-") -> None:
    """Draw the mean over seeds as a line, minimum to maximum as a band, every seed as points. ys: (seeds, points).

    line: its style, such as "--" for the second of two curves that have one role or coincide.

    Points that have no value with some seed (NaN) are left out, and the label says so.
    """
    across, curves = np.asarray(x, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    if curves.ndim != 2 or len(curves) == 0 or curves.shape[1:] != across.shape:
        raise CompanionError(f"seed_band {label!r}: x {across.shape} and ys {curves.shape}; ys must be (seeds, len(x))")
    _refuse_infinity(curves, f"seed_band {label!r}")
    known = np.flatnonzero(np.isfinite(curves).all(axis=0))
    label = _marked(label, len(known), len(across), "points")
    across, curves = across[known], curves[:, known]
    if not len(across):
        ax.plot([], [], line, color=color, label=label)
        return
    ax.plot(across, curves.mean(axis=0), line, color=color, label=label)
    ax.fill_between(across, curves.min(axis=0), curves.max(axis=0), color=color, alpha=0.2, linewidth=0)
    ax.plot(across, curves.T, "o", color=color, markersize=4, alpha=0.7)


def bars_with_seeds(ax: Axes, values: Mapping[str, Sequence[float]], colors: Mapping[str, str]) -> None:
    """Draw one horizontal bar per name at the mean over its seeds, every seed as a point; the first name on top.

    colors: of its role, by name or by the beginning of the name: SAE-1b for "SAE-1b, no gap". Names whose values are
    missing (NaN), with all or some seeds, say so.
    """
    for row, (known, color) in enumerate(_rows_with_names(ax, values, colors)):
        if len(known):
            ax.barh(row, float(np.mean(known)), color=color, alpha=0.6)
            ax.plot(known, [row] * len(known), "o", color="black", markersize=5, alpha=0.7)


def dots_with_seeds(ax: Axes, values: Mapping[str, Sequence[float]], colors: Mapping[str, str]) -> None:
    """Draw as `bars_with_seeds` does, for an axis that does not begin at zero: the mean is a large dot."""
    for row, (known, color) in enumerate(_rows_with_names(ax, values, colors)):
        if len(known):
            ax.plot(float(np.mean(known)), row, "o", color=color, markersize=13, alpha=0.8)
            ax.plot(known, [row] * len(known), "o", color="black", markersize=4, alpha=0.7)


def by_role(values: Mapping[str, Sequence[float]], colors: Mapping[str, str]) -> dict[str, Sequence[float]]:
    """Put the rows of a figure that have the same role together, in the order of `colors`."""
    order = list(dict.fromkeys(colors.values()))
    return dict(sorted(values.items(), key=lambda row: order.index(_color_of(row[0], colors))))


def _rows_with_names(
    ax: Axes, values: Mapping[str, Sequence[float]], colors: Mapping[str, str]
) -> list[tuple[np.ndarray, str]]:
    """Label the rows of an axis, and return the known values over seeds and the colour of each."""
    names, rows = [], []
    for name, seeds in values.items():
        given = np.asarray(seeds, dtype=np.float64)
        _refuse_infinity(given, f"row {name!r}")
        known = given[np.isfinite(given)]
        names.append(_marked(name, len(known), len(given), "seeds"))
        rows.append((known, _color_of(name, colors)))
    ax.set_yticks(range(max(1, len(names))), names or ["no value"])
    ax.set_ylim(max(1, len(names)) - 0.4, -0.6)  # not inverted, since axes that share y would be turned twice
    return rows


def _color_of(name: str, colors: Mapping[str, str]) -> str:
    """Return the colour of the longest key with which a name begins."""
    begins = [key for key in colors if name.startswith(key)]
    if not begins:
        raise CompanionError(f"no colour for {name!r}; known: {', '.join(colors)}")
    return colors[max(begins, key=len)]


def chance_line(ax: Axes, y: float, label: str = "chance") -> None:
    """Draw a dashed grey line at a chance level or a control; for NaN there is no line, and the label says so."""
    _refuse_infinity(np.asarray([y], dtype=np.float64), f"chance_line {label!r}")
    label = _marked(label, int(np.isfinite(y)), 1, "lines")
    ax.axhline(y, color=CONTROL, linestyle="--", linewidth=1.8, label=label)


def legend_below(fig: Figure, ax: Axes) -> None:
    """Put one legend for all axes under them, where it covers no data; the entries are those of `ax`."""
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4)


def image_grid(
    images: Sequence[Image.Image | np.ndarray],
    titles: Sequence[str] = (),
    *,
    columns: int = 8,
    rows: Sequence[str] = (),
) -> Figure:
    """Draw pictures in reading order, `columns` in a row, such as the top pictures of one latent per row.

    images: PIL pictures, or arrays (height, width, 3). titles: one above each picture. rows: one to the left of each
    row.
    """
    height = math.ceil(len(images) / columns)
    if not images or (titles and len(titles) != len(images)) or (rows and len(rows) != height):
        raise CompanionError(
            f"image_grid: {len(images)} images in {height} rows with {len(titles)} titles and {len(rows)} row names; "
            "give a title for each image or none, and a name for each row or none"
        )
    fig, axes = plt.subplots(height, columns, figsize=(1.4 * columns, 1.6 * height), squeeze=False)
    for place, ax in enumerate(axes.flat):
        ax.set(xticks=[], yticks=[], frame_on=False)
        if place < len(images):
            pixels = np.asarray(images[place])
            ax.imshow(pixels, interpolation="nearest" if len(pixels) < SMALL_PICTURE else None)
        if place < len(titles):
            ax.set_title(titles[place], fontsize=12)
    for name, ax in zip(rows, axes[:, 0], strict=False):
        ax.set_ylabel(name, rotation=0, horizontalalignment="right", verticalalignment="center")
    return fig


def _marked(name: str, known: int, all_of: int, noun: str) -> str:
    """Mark a name with the number of its known values, if some are missing."""
    if not known:
        return f"{name} (no value)"
    return name if known == all_of else f"{name} ({known} of {all_of} {noun})"


def _refuse_infinity(values: np.ndarray, name: str) -> None:
    if np.isinf(values).any():
        raise CompanionError(f"{name}: infinity among the values; give NaN for what could not be measured")
