"""Every notebook that a user's own embeddings can run, on worlds of few rows: it ends, or says first what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.papers.common.setting import Setting
from lib.papers.p3 import controlled_runs, n30_causes, n31_coco_cuts, n33_sizes, pair_dictionaries
from lib.papers.p4 import settings
from lib.sae.training.train import TrainingRun
from lib.worlds.least_sizes import LEAST, Least
from lib.worlds.profiles import load_profile, profile_text
from tests.run.notebook_cells import run_notebook

DIMS, STEPS = 16, 2

SIZES = {30: (14, 4, 12), 60: (30, 10, 20), 200: (120, 20, 60)}
"""Rows to those in train, dev and test."""

NUMBERS = ["10", "20", "23", "24", "30", "31", "33", "41"]

Draw = Callable[[int], tuple[np.ndarray, np.ndarray]]


def plain(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures, and captions near them."""
    image, noise = np.random.default_rng(0).standard_normal((2, rows, DIMS))
    return image, image + noise


def near_copies(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Every pair stands there several times, with a difference that float32 hardly holds."""
    image, text = (np.tile(part, (4, 1))[:rows] for part in plain(rows // 4 + 1))
    return image + 1e-7 * np.random.default_rng(1).standard_normal(image.shape), text


def one_caption(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """All pictures have the same caption."""
    image, text = plain(rows)
    return image, np.repeat(text[:1], rows, axis=0)


def narrow_cone(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """All pictures point nearly the same way, and all captions another one, as a model of random weights has them."""
    image, text = np.random.default_rng(0).standard_normal((2, rows, DIMS))
    return 1 + 0.01 * image, np.linspace(1, 2, DIMS) + 0.01 * text


WORLDS: dict[str, tuple[int, Draw]] = {
    "30 rows": (30, plain),
    "60 near copies": (60, near_copies),
    "200 rows, one caption": (200, one_caption),
    "60 rows, narrow cone": (60, narrow_cone),
    "200 rows": (200, plain),
}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, results: Path) -> Iterator[None]:
    """Trainings of few steps, on few controlled vectors; everything else is as it is."""
    begin = TrainingRun.__init__

    def few_steps(self: TrainingRun, config: Any, *rest: Any) -> None:
        begin(self, replace(config, steps=min(STEPS, config.steps)), *rest)

    monkeypatch.setattr(TrainingRun, "__init__", few_steps)
    monkeypatch.setattr(pair_dictionaries, "CONTROLLED_PAIRS", (120, 60))
    setting = Setting(width=64, k=4, steps=STEPS, batch=32)
    for module in (controlled_runs, n30_causes, n33_sizes):
        monkeypatch.setattr(module, "CONTROLLED_SETTING", setting)
    monkeypatch.setattr(controlled_runs.measure_controlled, "__defaults__", (setting,))
    monkeypatch.setattr(n31_coco_cuts, "COCO_SEEDS", range(1))
    arms = {arm: replace(config, steps=STEPS) for arm, config in settings.MASKER_ARMS.items()}
    monkeypatch.setattr(settings, "MASKER_ARMS", arms)
    yield
    plt.close("all")


def world(folder: Path, rows: int, draw: Draw, *settings: str) -> str:
    """A profile of one's own arrays, as text."""
    folder.mkdir()
    for name, matrix in zip(("image", "text"), draw(rows), strict=True):
        np.save(folder / f"{name}.npy", matrix)
    splits = [f"splits.{split}={size}" for split, size in zip(("train", "dev", "test"), SIZES[rows], strict=True)]
    sizes = ["sae.k=4", "sae.expansions=[1,2]", "pairs.width=28", f"pairs.steps={STEPS}", "seeds=[0]", "device=cpu"]
    return profile_text("own-arrays", [f"folder={folder}", *splits, *sizes, *settings])


CASES = [
    (number, name)
    for name, (_, draw) in WORLDS.items()
    for number in (["10", "41"] if draw is one_caption else NUMBERS)
]
"""Of the notebooks about pairs, captions that are all the same are refused."""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "name"), CASES)
def test_a_notebook_ends_in_a_small_world(number: str, name: str, short: None, tmp_path: Path) -> None:
    rows, draw = WORLDS[name]
    profile = world(tmp_path / "own", rows, draw)
    if number == "10" and SIZES[rows][2] < 60:
        with pytest.raises(CompanionError, match="needs at least 16 in train, 60 in test, and there are "):
            run_notebook(number, profile)
    else:
        run_notebook(number, profile)


@pytest.mark.parametrize("number", ["20", "23", "24", "30", "31", "33"])
def test_captions_that_do_not_differ_are_refused_before_anything_is_trained(
    number: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainingRun, "__init__", lambda *_: pytest.fail("it was trained"))
    with pytest.raises(CompanionError, match="all 120 captions of the split train have one embedding"):
        run_notebook(number, world(tmp_path / "own", 200, one_caption))


LIMITS = {number: LEAST[number](load_profile("own-arrays", ["pairs.width=28", "pairs.steps=1"])) for number in NUMBERS}


def sizes(least: Least) -> list[str]:
    """The least sizes as settings."""
    return [f"splits.train={least.train}", f"splits.dev={least.dev}", f"splits.test={least.test}"]


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
def test_a_notebook_ends_at_the_least_sizes(number: str, short: None, tmp_path: Path) -> None:
    run_notebook(number, world(tmp_path / "own", 200, plain, *sizes(LIMITS[number])))


@pytest.mark.parametrize(("number", "split"), [(number, split) for number in NUMBERS for split in LIMITS[number].sizes])
def test_what_is_too_small_is_said_before_anything_is_trained(
    number: str, split: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainingRun, "__init__", lambda *_: pytest.fail("it was trained"))
    least = LIMITS[number]
    fewer = replace(least, **{split: least.sizes[split] - 1})  # type: ignore[arg-type]
    profile = world(tmp_path / "own", 200, plain, *sizes(fewer))
    needed = ", ".join(f"{size} in {one}" for one, size in least.sizes.items())
    with pytest.raises(CompanionError, match=f"needs at least {needed}, and there are "):
        run_notebook(number, profile)


@pytest.mark.parametrize("number", ["20", "31", "41"])
def test_without_captions_a_notebook_about_pairs_ends_before_anything_is_trained(
    number: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainingRun, "__init__", lambda *_: pytest.fail("it was trained"))
    profile = world(tmp_path / "own", 30, plain)
    (tmp_path / "own" / "text.npy").unlink()
    with pytest.raises(CompanionError, match="has no text embeddings"):
        run_notebook(number, profile)
