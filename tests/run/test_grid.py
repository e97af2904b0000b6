"""A grid of settings over toy notebooks that write claims."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lib.base.errors import CompanionError
from lib.report.claims import write_claim
from lib.report.effects import over_seeds
from lib.run import grid as module
from lib.run.grid import MOST_COMBINATIONS, combinations, grid_tasks, load_grid, reserve_name
from lib.run.grid_claims import collect, grid_figure, write_grid
from lib.worlds.profiles import load_profile
from tests.report.examples import evidence, example

GRID = """
notebooks: ["10"]
set:
  sae.k: [4, 8]
  sae.steps: [5, 1000]
"""


def written(tmp_path: Path, text: str = GRID) -> Path:
    path = tmp_path / "sizes.yaml"
    path.write_text(text)
    return path


def put_claim(results: Path, profile: str, effect: float) -> None:
    given = evidence([effect, effect + 0.5, effect + 1])
    write_claim(example(given), results / load_profile(profile).name)


def test_combinations_and_their_tasks(tmp_path: Path) -> None:
    grid = load_grid(written(tmp_path))
    assert combinations(grid)[1] == {"sae.k": 4, "sae.steps": 1000}
    tasks = grid_tasks(grid, load_profile("scenes"))
    assert [task.profile for _, task in tasks][1] == "scenes sae.k=4 sae.steps=1000"
    assert {task.notebook.stem for _, task in tasks} == {"10_monosemanticity"}
    assert len(tasks) == 4


def test_the_table_has_what_was_written(tmp_path: Path, results: Path) -> None:
    grid = load_grid(written(tmp_path))
    tasks = grid_tasks(grid, load_profile("scenes"))
    with pytest.raises(CompanionError, match="no notebook of the grid wrote a claim"):
        collect(tasks)
    for place, (_, task) in enumerate(tasks[:3]):
        put_claim(results, task.profile, float(place))
    table = collect(tasks)
    assert table["sae.k"].tolist() == [4, 4, 8]
    assert table["sae.steps"].tolist() == [5, 1000, 5]
    assert table.effect.tolist() == [0.5, 1.5, 2.5]
    assert table.low.tolist() == pytest.approx([over_seeds([x, x + 0.5, x + 1]).low for x in (0, 1, 2)], abs=1e-5)
    assert table.verdict.tolist() == ["undecided", "reproduced", "reproduced"]
    csv, png = write_grid("sizes", grid, table)
    pd.testing.assert_frame_equal(pd.read_csv(csv), table)
    assert png.stat().st_size > 5000 and csv.parent == results / "~grids"


def test_the_figure_has_a_line_for_each_combination_of_the_other_settings(tmp_path: Path, results: Path) -> None:
    grid = load_grid(written(tmp_path))
    tasks = grid_tasks(grid, load_profile("scenes"))
    for place, (_, task) in enumerate(tasks):
        put_claim(results, task.profile, float(place))
    fig = grid_figure(grid, collect(tasks))
    (ax,) = fig.axes
    legend = ax.get_legend()
    assert legend is not None and [text.get_text() for text in legend.get_texts()] == ["sae.k 4", "sae.k 8"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["5", "1000"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("notebooks: ['10']\nset: {}", "set: Dictionary should have at least 1 item"),
        ("notebooks: ['10']\nset: {sae.k: []}", "set.sae.k: List should have at least 1 item"),
        ("notebooks: ['1']\nset: {sae.k: [1]}", "notebooks.0: String should match"),
        ("notebook: ['10']\nset: {sae.k: [1]}", "notebook"),
        ("just text", "the file"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CompanionError, match=r"sizes\.yaml") as error:
        load_grid(written(tmp_path, text))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_too_many_combinations_and_unknown_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CompanionError, match=r"has no key .sae\.q"):
        grid_tasks(load_grid(written(tmp_path, "notebooks: ['10']\nset: {sae.q: [1]}")), load_profile("scenes"))
    monkeypatch.setattr(module, "MOST_COMBINATIONS", 3)
    with pytest.raises(CompanionError, match="4 combinations; give at most 3"):
        load_grid(written(tmp_path))
    assert MOST_COMBINATIONS == 500


def test_values_are_those_of_the_command_line(tmp_path: Path) -> None:
    text = "notebooks: [10, 07]\nset: {sae.rate: [1e-3, 2E-4], encoder: [2024-01-02, 2025]}"
    tasks = grid_tasks(load_grid(written(tmp_path, text.replace(", 07", ""))), load_profile("scenes"))
    profiles = [load_profile(task.profile) for _, task in tasks]
    assert load_grid(written(tmp_path, text)).notebooks == ["10", "07"]
    assert [one.sae.rate for one in profiles] == [1e-3, 1e-3, 2e-4, 2e-4]
    assert [one.encoder for one in profiles] == ["2024-01-02", "2025"] * 2


def test_results_of_another_grid_are_not_overwritten(tmp_path: Path, results: Path) -> None:
    (tmp_path / "other").mkdir()
    mine, other = written(tmp_path), written(tmp_path / "other")
    reserve_name(mine, load_profile("scenes"))
    reserve_name(other, load_profile("scenes"))  # neither has results yet
    (results / "~grids").mkdir(parents=True)
    (results / "~grids" / "sizes.csv").write_text("x")
    reserve_name(other, load_profile("scenes"))
    for path, profile in ((mine, "scenes"), (other, "photos")):
        with pytest.raises(CompanionError, match=r"sizes\.csv comes from .*other/sizes\.yaml with profile scenes"):
            reserve_name(path, load_profile(profile))
