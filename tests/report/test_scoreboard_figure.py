from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from lib.report.claims import write_claim
from lib.report.effects import over_seeds
from lib.report.evidence import Evidence, judge
from lib.report.register import registered
from lib.report.scoreboard import committed_claims, scoreboard
from lib.report.scoreboard_figure import LOOKS, MARKERS, RANGE, _forest_row, forest_figure, matrix_figure
from lib.report.verdicts import VERDICTS


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """One claim whose effect is twice its margin, and twenty times in another world."""
    spec = next(each for each in registered().values() if each.headline.rule == "above" and each.headline.margin > 0)
    for world, factor in (("scenes", 2.0), ("photos", 20.0)):
        unit = spec.headline.margin - spec.headline.zero
        effect = spec.headline.zero + factor * unit
        parts = {part.name: over_seeds([effect, effect, effect]) for part in spec.parts}
        claim = judge(Evidence(spec.id, parts, [0, 1, 2], 10), "10_x")
        write_claim(claim, tmp_path / world)
    return tmp_path


def test_every_verdict_has_a_look_of_its_own() -> None:
    assert set(LOOKS) == {*VERDICTS, ""}
    assert len({symbol for _, symbol, _ in LOOKS.values()}) == len(LOOKS)


def test_effects_stand_in_units_of_the_margin_and_what_is_beyond_at_the_end(results: Path) -> None:
    worlds = committed_claims(results)
    (id,) = worlds["scenes"]
    fig = forest_figure(worlds, int(id[1]))
    (ax,) = fig.axes
    marks = {line.get_marker(): line.get_xdata()[0] for line in ax.lines if line.get_marker() in (*MARKERS, ">")}
    assert marks == {MARKERS[list(worlds).index("scenes")]: pytest.approx(2.0), ">": RANGE[1]}
    assert [label.get_text() for label in ax.get_yticklabels()] == [id.split(".")[1]]
    plt.close(fig)


@pytest.mark.parametrize("rule", ["above", "below", "within"])
def test_the_margin_is_drawn_where_it_lies(rule: str) -> None:
    for margin in (0.0, 0.25) if rule != "within" else (0.25,):
        signed = -margin if rule == "below" else margin
        part = next(iter(registered().values())).headline.model_copy(update={"rule": rule, "margin": signed, "zero": 0})
        spec = next(iter(registered().values())).model_copy(update={"headline": part})
        fig, ax = plt.subplots()
        _forest_row(ax, 0, spec, {}, {})
        lines = sorted(segment[0][0] for segment in ax.collections[0].get_segments())
        assert lines == pytest.approx([-1, 1] if rule == "within" else [1.0 if margin else 0.0])
        plt.close(fig)


def test_the_matrix_has_a_symbol_per_cell(results: Path) -> None:
    board = scoreboard(results)
    fig = matrix_figure(board)
    shown = [text.get_text() for text in fig.axes[0].texts]
    symbols = [LOOKS[board.loc[board.index[0], world].split(" (")[0]][1] for world in ("photos", "scenes")]
    assert [text[0] for text in shown] == symbols
    plt.close(fig)
