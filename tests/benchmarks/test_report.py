from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks import figure, table
from benchmarks.machine import machine
from benchmarks.rows import Row

OURS = Row("embedding", {"encoder": "toy", "workers": 1}, "workers", "ours", 2.0, 1.9, 2.1, 1.0)
BARE = Row("embedding", {"encoder": "toy", "workers": 1}, "workers", "bare model", 1.8, 1.7, 1.9, 0.9)
ABSENT = Row("train_step", {"d": 4}, "", "sae-lens", note="not installed")


def test_numbers_have_three_digits() -> None:
    texts = [table.number(value) for value in (None, 0.00001234, 0.0123456, 1.0, 12.345, 123456.0)]
    assert texts == ["", "0.000012", "0.0123", "1", "12.3", "123456"]


def test_a_row_in_one_line() -> None:
    assert table.line(BARE) == "encoder toy, workers 1: bare model, 1.8 s, 0.9 x ours"
    assert table.line(ABSENT) == "d 4: sae-lens, not installed"


def test_the_table_has_every_row(tmp_path: Path) -> None:
    facts = {"cpu": "toy", "quick": True, "peers": {"sae-lens": "1.0"}}
    table.write_table({"embedding": ([OURS, BARE], facts)}, tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    assert "## embedding\n\nTiny sizes, which say nothing about speed. cpu: toy. Peers: sae-lens 1.0.\n" in text
    assert "| encoder toy, workers 1 | bare model | 1.8 | 1.7 to 1.9 | 0.9 |  |  |  |" in text


@pytest.mark.parametrize("rows", [[], [OURS, BARE, ABSENT]])
def test_the_figure_is_drawn_from_any_part_of_the_results(tmp_path: Path, rows: list[Row]) -> None:
    figure.draw(rows, tmp_path / "speed.png")
    with Image.open(tmp_path / "speed.png") as image:
        assert image.format == "PNG" and min(image.size) > 1000


def test_the_machine_is_told_without_a_date() -> None:
    facts = machine()
    assert {"cpu", "cores", "threads", "memory", "python", "torch", "numpy"} <= set(facts)
