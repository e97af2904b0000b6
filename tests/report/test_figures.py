from __future__ import annotations

import io
import json

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.report.figures import (
    BASELINE,
    CEILING,
    METHOD,
    bars_with_seeds,
    by_role,
    chance_line,
    dots_with_seeds,
    image_grid,
    save_figure,
    seed_band,
    use_style,
)

ROLES = {"raw": BASELINE, "k-means": CEILING, "TopK": METHOD, "none": BASELINE}


@pytest.fixture(autouse=True)
def _style(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    with plt.rc_context():
        use_style()
        yield
    plt.close("all")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "scenes" / "ms.csv"
    path.parent.mkdir()
    path.write_text("ms\n0.1\n")
    return path


def draw():
    fig, ax = plt.subplots()
    seed_band(ax, [1, 2, 4], [[0.1, 0.2, 0.3], [0.2, 0.3, 0.4]], "TopK", METHOD)
    chance_line(ax, 0.05)
    ax.legend()
    return fig


def test_letters_are_legible_in_a_lecture_hall():
    sizes = ("font.size", "axes.labelsize", "axes.titlesize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize")
    assert all(plt.rcParams[size] >= 12 for size in sizes)
    assert plt.rcParams["figure.dpi"] == plt.rcParams["savefig.dpi"] == 110


def test_the_same_figure_is_the_same_bytes(tmp_path, table):
    first = save_figure(draw(), tmp_path / "scenes" / "a.png", notebook="10_ms", table=table).read_bytes()
    second = save_figure(draw(), tmp_path / "scenes" / "b.png", notebook="10_ms", table=table).read_bytes()
    assert first == second
    assert b"Software" not in first and b"tEXt" not in first


def test_figures_json_says_where_each_figure_comes_from(tmp_path, table):
    for name in ("b", "a"):
        save_figure(draw(), tmp_path / "scenes" / f"{name}.png", notebook="10_ms", table=table)
    note = {"notebook": "10_ms", "table": "ms.csv", "sha256": sha256_file(table)}
    assert json.loads((tmp_path / "scenes" / "figures.json").read_text()) == {"a.png": note, "b.png": note}
    assert not list((tmp_path / "scenes").glob("*.lock"))


def test_a_figure_without_its_table_is_refused(tmp_path, table):
    for home in (tmp_path, table.parent):
        with pytest.raises(CompanionError, match="write the plotted numbers first"):
            save_figure(draw(), home / "a.png", notebook="10_ms", table=home / "none.csv")
    with pytest.raises(CompanionError, match=r"no table ms\.csv next to it"):
        save_figure(draw(), tmp_path / "a.png", notebook="10_ms", table=table)
    with pytest.raises(CompanionError, match=r"suffix \.png"):
        save_figure(draw(), tmp_path / "a.svg", notebook="10_ms", table=table)


def test_seed_band_shows_mean_range_and_every_seed():
    _, ax = plt.subplots()
    seed_band(ax, [1, 2], [[0.0, 1.0], [1.0, 3.0]], "TopK", METHOD, "--")
    line, *seeds = ax.get_lines()
    assert line.get_ydata().tolist() == [0.5, 2.0]
    assert [seed.get_ydata().tolist() for seed in seeds] == [[0.0, 1.0], [1.0, 3.0]]
    assert to_hex(line.get_color()) == METHOD and line.get_linestyle() == "--"
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == 0.0 and corners[:, 1].max() == 3.0


def test_bars_show_means_in_the_given_order():
    _, ax = plt.subplots()
    bars_with_seeds(ax, {"raw": [0.1, 0.3], "TopK": [0.5]}, ROLES)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.2, 0.5])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["raw", "TopK"]
    assert ax.yaxis_inverted()


def test_rows_have_the_colour_of_their_role():
    colors = {"SAE-1b": "#de8f05", "SAE-1b, dealt": "#595959", "GSAE": "#0173b2"}
    for draw in (bars_with_seeds, dots_with_seeds):
        _, ax = plt.subplots()
        draw(ax, {"SAE-1b, no gap": [1.0], "SAE-1b, dealt out": [2.0], "GSAE": [3.0]}, colors)
        drawn = [one.get_facecolor() for one in ax.patches] or [one.get_color() for one in ax.lines[::2]]
        assert [to_hex(color) for color in drawn] == ["#de8f05", "#595959", "#0173b2"]
        with pytest.raises(CompanionError, match="no colour for 'VL-SAE'; known: SAE-1b"):
            draw(ax, {"VL-SAE": [1.0]}, colors)


def test_rows_of_a_role_stand_together():
    colors = {"GSAE": "blue", "SAE": "orange", "BatchTopK": "orange", "strangers": "grey"}
    rows = {"SAE-1b": [1.0], "strangers": [2.0], "GSAE": [3.0], "BatchTopK": [4.0]}
    assert list(by_role(rows, colors)) == ["GSAE", "SAE-1b", "BatchTopK", "strangers"]


def test_dots_are_at_the_means():
    _, ax = plt.subplots()
    dots_with_seeds(ax, {"raw": [0.1, 0.3], "TopK": [0.5]}, ROLES)
    assert [line.get_xdata()[0] for line in ax.lines[::2]] == pytest.approx([0.2, 0.5]) and not ax.patches
    assert [text.get_text() for text in ax.get_yticklabels()] == ["raw", "TopK"]


def test_image_grid_places_pictures_titles_and_rows():
    pictures = [Image.new("RGB", (4, 4), "red"), np.zeros((4, 4, 3), dtype=np.uint8), Image.new("RGB", (4, 4))]
    fig = image_grid(pictures, ["a", "b", "c"], columns=2, rows=["latent 3", "latent 9"])
    assert [len(ax.images) for ax in fig.axes] == [1, 1, 1, 0]
    assert [ax.get_title() for ax in fig.axes] == ["a", "b", "c", ""]
    assert [ax.get_ylabel() for ax in fig.axes] == ["latent 3", "", "latent 9", ""]


def test_what_has_no_value_is_shown_as_such():
    nan, (fig, axes) = float("nan"), plt.subplots(1, 4)
    bars_with_seeds(axes[0], {"raw": [1.0, 3.0], "k-means": [nan, nan], "TopK": [nan, 2.0], "none": []}, ROLES)
    names = ["raw", "k-means (no value)", "TopK (1 of 2 seeds)", "none (no value)"]
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == names
    assert [bar.get_width() for bar in axes[0].patches] == [2.0, 2.0]
    bars_with_seeds(axes[1], {}, ROLES)
    assert [tick.get_text() for tick in axes[1].get_yticklabels()] == ["no value"]
    seed_band(axes[2], [1, 2, 4], [[1.0, nan, 3.0], [2.0, 5.0, 4.0]], "TopK", METHOD)
    seed_band(axes[2], [1, 2], [[nan, 1.0], [1.0, nan]], "ReLU", METHOD)
    seed_band(axes[2], [], np.zeros((2, 0)), "raw", METHOD)
    labels = [line.get_label() for line in axes[2].lines if not line.get_label().startswith("_")]
    assert labels == ["TopK (2 of 3 points)", "ReLU (no value)", "raw (no value)"]
    assert axes[2].lines[0].get_xdata().tolist() == [1, 4] and axes[2].lines[0].get_ydata().tolist() == [1.5, 3.5]
    chance_line(axes[3], nan)
    assert axes[3].lines[0].get_label() == "chance (no value)"
    fig.savefig(io.BytesIO())


def test_bad_plots_are_refused():
    _, ax = plt.subplots()
    with pytest.raises(CompanionError, match=r"ys must be \(seeds, len\(x\)\)"):
        seed_band(ax, [1, 2], [1.0, 2.0], "TopK", METHOD)
    with pytest.raises(CompanionError, match="seed_band 'TopK': infinity"):
        seed_band(ax, [1, 2], [[1.0, float("inf")]], "TopK", METHOD)
    with pytest.raises(CompanionError, match="chance_line 'chance'"):
        chance_line(ax, float("inf"))
    with pytest.raises(CompanionError, match="row 'raw': infinity"):
        bars_with_seeds(ax, {"raw": [float("-inf")]}, ROLES)
    for arguments in ({"images": []}, {"images": [Image.new("RGB", (2, 2))], "titles": ["a", "b"]}):
        with pytest.raises(CompanionError, match="give a title for each image"):
            image_grid(**arguments)
