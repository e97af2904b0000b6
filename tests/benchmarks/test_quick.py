"""Every benchmark at its tiny sizes, without peers."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from statistics import median

import pytest
from typer.testing import CliRunner

from benchmarks import cli
from benchmarks.contender import PEERS
from benchmarks.rows import Row, read_rows
from lib.base.errors import CompanionError
from lib.base.files import ROOT


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.contender.PEERS_PYTHON", folder / "no-python")
        outcome = CliRunner().invoke(cli.app, ["--quick", "--results", str(folder)], catch_exceptions=False)
    assert outcome.exit_code == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", cli.NAMES)
def test_rows_follow_the_schema(results: Path, name: str) -> None:
    plain = json.loads((results / f"{name}.json").read_text())
    assert plain["facts"]["quick"] is True and plain["facts"]["peers"] == {}
    rows, _ = read_rows(results / f"{name}.json")
    assert {tuple(sorted(one)) for one in plain["rows"]} == {tuple(sorted(field.name for field in fields(Row)))}
    assert {row.benchmark for row in rows} == {name}
    for row in rows:
        assert row.varies in ("", *row.setting)
        if row.median is None:
            assert row.who in PEERS and row.note.startswith("not installed")
        else:
            assert row.low is not None and row.high is not None and row.ratio is not None
            assert 0 < row.low <= row.median <= row.high and row.ratio > 0
            assert row.who != "ours" or row.ratio == 1


@pytest.mark.slow
def test_peers_are_named_where_they_belong(results: Path) -> None:
    for name in ("train_step", "final_fvu"):
        rows, _ = read_rows(results / f"{name}.json")
        assert set(PEERS) < {row.who for row in rows}
    rows, _ = read_rows(results / "final_fvu.json")
    assert all(row.fvu is not None for row in rows if row.median is not None)


@pytest.mark.slow
def test_peaks_are_told_where_memory_counts(results: Path) -> None:
    for name in ("monosemanticity", "top_examples", "edited_retrieval"):
        rows, _ = read_rows(results / f"{name}.json")
        assert median(row.peak_mib or 0 for row in rows if row.who == "ours") > 1


@pytest.mark.slow
def test_table_and_figure_are_written(results: Path) -> None:
    assert all(f"## {name}" in (results / "README.md").read_text() for name in cli.NAMES)
    assert (results / "speed.png").stat().st_size > 10_000


def test_quick_alone_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cli, "RESULTS", tmp_path / "results")
    monkeypatch.setattr("benchmarks.top_examples.run", lambda quick: [])
    assert CliRunner().invoke(cli.app, ["top_examples", "--quick"], catch_exceptions=False).exit_code == 0
    assert not (tmp_path / "results").exists()


def test_an_unknown_benchmark_is_named() -> None:
    message = "unknown benchmark .speed.; known: train_step, step_parts, stacked_seeds, stacked_maskers, final_fvu, "
    with pytest.raises(CompanionError, match=message):
        CliRunner().invoke(cli.app, ["speed"], catch_exceptions=False)


def test_the_peers_run_on_the_torch_of_ours() -> None:
    pins = (ROOT / "benchmarks" / "peers.txt").read_text().splitlines()
    ours = (ROOT / "constraints.txt").read_text().splitlines()
    for name in ("torch", "torchvision"):
        (pin,) = [line for line in pins if line.startswith(f"{name}==")]
        assert pin in ours
