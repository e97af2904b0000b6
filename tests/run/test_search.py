"""Index and search over a folder of rendered scenes, one of them broken, from the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lib.data.errors import CompanionError
from lib.data.scenes import scenes
from lib.run import cli
from lib.run.profiles import load_profile
from lib.run.search import search_folder
from lib.run.studies import text_editing

SMALL = ["splits.train=120", "splits.dev=5", "splits.test=10", "sae.steps=30", "sae.batch=64"]
SETTINGS = ["--profile", "scenes", *(part for setting in SMALL for part in ("--set", setting))]
runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve scenes and a broken picture; a masker of five steps."""
    monkeypatch.setattr(text_editing, "TRAIN", 120)
    few = {arm: replace(config, steps=5) for arm, config in text_editing.ARMS.items()}
    monkeypatch.setattr("lib.run.search.ARMS", few)
    pictures = tmp_path / "pictures"
    (pictures / "more").mkdir(parents=True)
    images = scenes("test", 12).images
    assert images is not None
    for number in range(12):
        images[number].save(pictures / ("more" if number % 2 else ".") / f"{number:02d}.png")
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    return pictures


def test_index_names_what_it_cannot_read(folder: Path) -> None:
    answer = runner.invoke(cli.app, ["index", str(folder), *SETTINGS])
    assert answer.exit_code == 0, answer.output
    assert "12 of 13 pictures" in answer.output and "embedded by scenes-clip" in answer.output
    assert "1 cannot be read and are left out: broken.jpg" in answer.output
    assert "ready to be searched" in answer.output


def test_search_ranks_all_readable_pictures(folder: Path) -> None:
    answer = runner.invoke(cli.app, ["search", str(folder), "a red cat", "-k", "4", *SETTINGS])
    assert answer.exit_code == 0, answer.output
    lines = [line for line in answer.output.splitlines() if line.endswith(".png")]
    assert [int(line.split()[0]) for line in lines] == [1, 2, 3, 4]
    scores = [float(line.split()[1]) for line in lines]
    assert scores == sorted(scores, reverse=True) and np.isfinite(scores).all()
    assert "12 pictures, all scored exactly" in answer.output


def test_a_world_without_an_encoder(folder: Path) -> None:
    with pytest.raises(CompanionError, match="world clip-arrays has embeddings but no encoder"):
        next(search_folder(folder, "a cat", load_profile("clip-arrays")))


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match="no such folder"):
        next(search_folder(tmp_path / "none", "a cat", load_profile("scenes")))
