"""All results in one figure: ratios at the points, growth along every size, log axes wherever seconds are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from benchmarks.contender import BOUND, DENSE, OURS_BF16, PEERS
from benchmarks.rows import Row
from benchmarks.timing import OURS
from lib.report.figures import CONTROL, use_style

COLOURS = {OURS: "C0", OURS_BF16: "C9", DENSE: "C7", BOUND: "black"} | dict(
    zip(PEERS, ("C1", "C8", "C2", "C4"), strict=True)
)
REFERENCE = "C3"
"""Contenders that are not trainers: loops, brute force, the bare model."""


def draw(rows: Sequence[Row], path: Path) -> None:
    """Ten panels; one whose benchmark has not been run says so."""
    use_style()
    fig, axes = plt.subplots(5, 2, figsize=(14, 25))
    for ax, (title, benchmark, panel) in zip(axes.flat, PANELS, strict=True):
        mine = [row for row in rows if row.benchmark == benchmark and row.median is not None]
        ax.set_title(title)
        if mine:
            panel(ax, mine)
        else:
            ax.text(0.5, 0.5, "not measured", ha="center", va="center", transform=ax.transAxes, color=CONTROL)
    fig.savefig(path, metadata={"Software": None})
    plt.close(fig)


def growth(ax: Axes, rows: list[Row], varies: str, label: str, kind: str = "", named: bool = False) -> None:
    """Seconds along one size: the median as a line, least to most as a band. kind: what splits the curves. named: the
    colours have their legend in another panel."""

    def curve(row: Row) -> tuple[int, str, str]:
        return names.index(row.who), row.who, str(row.setting.get(kind, ""))

    names = list(dict.fromkeys(row.who for row in rows))
    curves = sorted((row for row in rows if row.varies == varies), key=curve)
    kinds = sorted({curve(row)[-1] for row in curves})
    for (_, who, which), group in groupby(curves, curve):
        points = sorted(group, key=lambda row: row.setting[varies])
        x = [row.setting[varies] for row in points]
        low, middle, high = ([getattr(row, name) for row in points] for name in ("low", "median", "high"))
        color, dashes = COLOURS.get(who, REFERENCE), "-" if which == kinds[0] else "--"
        ax.plot(x, middle, dashes, marker="o", color=color, label=", ".join(filter(None, (who, which))))
        ax.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
    ax.set(xscale="log", yscale="log", xlabel=label, ylabel="seconds")
    ticks = sorted({row.setting[varies] for row in curves})
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.xaxis.minorticks_off()
    if not named:
        ax.legend(fontsize=10, handlelength=3)


def step_ratios(ax: Axes, rows: list[Row]) -> None:
    """Times ours at each point, a group of bars a point."""
    points = [row for row in rows if not row.varies]
    label = "d {d}, width {width},\nk {k}, batch {batch}".format
    settings = list(dict.fromkeys(label(**row.setting) for row in points))
    names = list(dict.fromkeys(row.who for row in points if row.who != OURS))
    for place, who in enumerate(names):
        ratios = {label(**row.setting): row.ratio for row in points if row.who == who}
        x = np.arange(len(settings)) + (place - (len(names) - 1) / 2) * 0.8 / len(names)
        bars = ax.bar(x, [ratios.get(one) or 0 for one in settings], 0.8 / len(names), label=who, color=COLOURS[who])
        ax.bar_label(bars, fmt="%.1f", fontsize=9)
    ax.axhline(1, color=COLOURS[OURS], label=OURS)
    ax.set_xticks(range(len(settings)), settings)
    ax.set(ylabel="seconds, times ours", ylim=(0, 1.4 * ax.get_ylim()[1]))
    ax.legend(fontsize=10, ncols=2, loc="upper left")


def held_out_fvu(ax: Axes, rows: list[Row]) -> None:
    """FVU on held-out rows, a bar each."""
    ax.barh([row.who for row in rows], [row.fvu or 0 for row in rows], color=[COLOURS[row.who] for row in rows])
    for place, row in enumerate(rows):
        ax.text(0, place, f" {row.fvu:.4f}", va="center")
    ax.set_xlabel("FVU on held-out rows (less is better)")
    ax.invert_yaxis()


def kept_throughput(ax: Axes, rows: list[Row]) -> None:
    """Share of the bare model's throughput that the store keeps, along the number of workers."""
    bare = [row for row in rows if row.who != OURS]
    for encoder, group in groupby(bare, lambda row: row.setting["encoder"]):
        points = list(group)
        ax.plot(
            [row.setting["workers"] for row in points], [row.ratio or 0 for row in points], marker="o", label=encoder
        )
    ax.axhline(1, color=CONTROL, linestyle="--", label="bare model")
    ax.set(xlabel="worker processes", ylabel="throughput, share of the bare model's", ylim=(0, None))
    ax.set_xticks(sorted({row.setting["workers"] for row in bare}))
    ax.legend(fontsize=10, handlelength=3)


def seeds_together(ax: Axes, rows: list[Row], seeds: str = "5 seeds") -> None:
    """Seconds per seed of a step that several make together, as a share of one alone, a curve per shape."""
    shape = "{recipe} (d {d}, k {k}, batch {batch})".format
    together = [row for row in rows if row.who == seeds]
    for label in dict.fromkeys(shape(**row.setting) for row in together):
        curve = [row for row in together if shape(**row.setting) == label]
        ax.plot([row.setting["width"] for row in curve], [row.ratio or 0 for row in curve], marker="o", label=label)
    ax.axhline(1, color=CONTROL, linestyle="--", label="one seed alone")
    ax.set(xscale="log", xlabel="width", ylabel="seconds per seed, times those alone", ylim=(0, None))
    ticks = sorted({row.setting["width"] for row in together})
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.xaxis.minorticks_off()
    ax.legend(fontsize=10)


STEP = partial(growth, named=True)

PANELS: list[tuple[str, str, Callable[[Axes, list[Row]], None]]] = [
    ("TopK training step", "train_step", step_ratios),
    ("Training step: width", "train_step", partial(STEP, varies="width", label="width (d 512, k 32, batch 1024)")),
    ("Training step: k", "train_step", partial(STEP, varies="k", label="k (d 512, width 4096, batch 1024)")),
    ("Training step: batch", "train_step", partial(STEP, varies="batch", label="batch (d 512, width 4096, k 32)")),
    ("Training step of five seeds together", "stacked_seeds", seeds_together),
    ("Equal steps, equal data", "final_fvu", held_out_fvu),
    ("Monosemanticity score", "monosemanticity", partial(growth, varies="n", label="images", kind="activations")),
    ("Top examples and their overlap", "top_examples", partial(growth, varies="n", label="rows", kind="task")),
    (
        "All-pairs edited retrieval",
        "edited_retrieval",
        partial(growth, varies="images", label="images (5 captions each)"),
    ),
    ("Embedding pictures", "embedding", kept_throughput),
]
