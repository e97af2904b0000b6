"""Figures: one style that reads from the last row of a lecture hall, the plots that several notebooks need, provenance.

Every figure is a PNG beside the table that it shows; `figures.json` says which notebook drew it and from what.
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

from lib.data.errors import CompanionError
from lib.data.files import cache_root, digest, lock, sha256_file, write_atomic, write_json

CONTROL = "0.35"
"""The grey of chance levels and controls; the palette is left to what is measured."""


STYLE = {
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
    """The shared style: letters of 12 points and more, a palette safe for colour-blind readers, 110 dots an inch."""
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind", rc=STYLE)


def save_figure(fig: Figure, path: Path, *, notebook: str, table: Path) -> Path:
    """Write a PNG, and note in `figures.json` beside it which notebook drew it from which table (sha256).

    table: the CSV of the plotted numbers, in the same folder. The PNG holds no date and no version.
    """
    if path.suffix != ".png":
        raise CompanionError(f"figure {path.name} needs the suffix .png")
    if table.parent != path.parent or not table.is_file():
        raise CompanionError(f"figure {path.name}: no table {table.name} beside it; write the plotted numbers first")
    stream = io.BytesIO()
    fig.savefig(stream, format="png", metadata={"Software": None})
    write_atomic(path, stream.getvalue())
    note = {"notebook": notebook, "table": table.name, "sha256": sha256_file(table)}
    index = path.parent / "figures.json"
    # Notebooks that run side by side share this file.
    with lock(cache_root() / "locks" / digest(str(index.resolve()))[:24]):
        notes = json.loads(index.read_text()) if index.exists() else {}
        write_json(index, notes | {path.name: note})
    return path


def seed_band(ax: Axes, x: ArrayLike, ys: ArrayLike, label: str, color: str | None = None) -> None:
    """The mean over seeds as a line, minimum to maximum as a band, every seed as points. ys: (seeds, points)."""
    across, curves = np.asarray(x, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    if curves.ndim != 2 or curves.size == 0 or curves.shape[1:] != across.shape:
        raise CompanionError(f"seed_band {label!r}: x {across.shape} and ys {curves.shape}; ys must be (seeds, len(x))")
    _refuse_gaps(curves, f"seed_band {label!r}")
    (line,) = ax.plot(across, curves.mean(axis=0), color=color, label=label)
    ax.fill_between(across, curves.min(axis=0), curves.max(axis=0), color=line.get_color(), alpha=0.2, linewidth=0)
    ax.plot(across, curves.T, "o", color=line.get_color(), markersize=4, alpha=0.7)


def bars_with_seeds(ax: Axes, values: Mapping[str, Sequence[float]]) -> None:
    """One horizontal bar a name at the mean over its seeds, every seed as a point; the first name on top."""
    if not values:
        raise CompanionError("bars_with_seeds got no values; give name to values over seeds")
    for row, (name, seeds) in enumerate(values.items()):
        _refuse_gaps(np.asarray(seeds, dtype=np.float64), f"bars_with_seeds {name!r}")
        ax.barh(row, float(np.mean(seeds)), color=f"C{row % 10}", alpha=0.6)
        ax.plot(seeds, [row] * len(seeds), "o", color="black", markersize=5, alpha=0.7)
    ax.set_yticks(range(len(values)), list(values))
    ax.set_ylim(len(values) - 0.4, -0.6)  # not inverted: axes that share y would be turned twice


def chance_line(ax: Axes, y: float, label: str = "chance") -> None:
    """A dashed grey line at a chance level or a control."""
    _refuse_gaps(np.asarray([y], dtype=np.float64), f"chance_line {label!r}")
    ax.axhline(y, color=CONTROL, linestyle="--", linewidth=1.8, label=label)


def image_grid(
    images: Sequence[Image.Image | np.ndarray],
    titles: Sequence[str] = (),
    *,
    columns: int = 8,
    rows: Sequence[str] = (),
) -> Figure:
    """Pictures in reading order, `columns` in a row, such as the top-activating pictures of one latent a row.

    images: PIL pictures, or arrays (height, width, 3). titles: one above each picture. rows: one left of each row.
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
            ax.imshow(np.asarray(images[place]))
        if place < len(titles):
            ax.set_title(titles[place], fontsize=12)
    for name, ax in zip(rows, axes[:, 0], strict=False):
        ax.set_ylabel(name, rotation=0, horizontalalignment="right", verticalalignment="center")
    return fig


def _refuse_gaps(values: np.ndarray, name: str) -> None:
    if values.size == 0 or not np.isfinite(values).all():
        raise CompanionError(f"{name}: no values, or NaN or infinity among them; leave out what could not be measured")
