"""`lib train` on a user's own embeddings: dictionaries of images and of pairs, each measured on unseen rows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lib.apps.pair_recipes import PairRecipe, pair_training
from lib.base.errors import CompanionError
from lib.run.cli import app
from lib.sae.config import PAIRS
from lib.sae.training.train import train_cached
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session

SIZES = ["splits.train=60", "splits.dev=10", "splits.test=30", "pairs.width=99", "pairs.steps=3", "pairs.batch=20"]


@pytest.fixture
def settings(tmp_path: Path, cache: Path) -> list[str]:
    """Settings of a profile of a hundred pairs."""
    image, noise = np.random.default_rng(0).standard_normal((2, 100, 8))
    np.save(tmp_path / "image.npy", image)
    np.save(tmp_path / "text.npy", image + noise)
    return [f"folder={tmp_path}", *SIZES, "sae.steps=3", "sae.batch=20"]


def trained(settings: list[str], *options: str) -> list[str]:
    """The lines of the command."""
    given = [part for one in settings for part in ("--set", one)]
    answer = CliRunner().invoke(app, ["train", "--profile", "own-arrays", *given, *options])
    if isinstance(answer.exception, CompanionError):
        raise answer.exception
    assert answer.exit_code == 0, answer.output
    return answer.output.splitlines()


def test_every_recipe_of_pairs_is_trained_and_measured_on_both_towers(settings: list[str]) -> None:
    named = [part for name in PAIRS for part in ("--recipe", name)]
    lines = trained(settings, *named, "--expansion", "2", "--k", "3")
    assert [line.split()[0] for line in lines] == [*PAIRS]
    for line in lines:
        found = re.search(r" 16 latents .* image: FVU (\S+)  L0 +(\S+) .* text: FVU (\S+)  L0 +(\S+) ", line)
        assert found, line
        fvu, l0 = [float(found[1]), float(found[3])], [float(found[2]), float(found[4])]
        assert min(fvu) > 0
        assert max(l0) <= (16 if "_l1" in line or "batch" in line or "matryoshka" in line else 3), line


def test_images_and_pairs_in_one_sweep(settings: list[str]) -> None:
    first, second = trained(settings, "--recipe", "topk", "--recipe", "gsae", "--k", "3")
    assert first.startswith("topk") and "image:" not in first and second.startswith("gsae") and "text:" in second


def test_the_line_says_what_the_codes_say(settings: list[str]) -> None:
    (line,) = trained(settings, "--recipe", "sae_d", "--expansion", "2", "--k", "3", "--seed", "1")
    session = open_session("train", load_profile("own-arrays", settings))
    run = pair_training(session, PairRecipe("sae_d", 2, 3), 1)
    assert (run.config.steps, run.config.batch, run.config.sae.width) == (3, 20, 16)
    sae, test = train_cached(*run).sae, session.world.embeddings("test")
    rows, codes = test.tower("text"), sae.codes(test, "text")
    left = np.square(rows - sae.reconstruct(codes, "text")).sum() / np.square(rows - rows.mean(axis=0)).sum()
    assert f"text: FVU {left:.4f}" in line


def test_pairs_need_texts(settings: list[str], tmp_path: Path) -> None:
    (tmp_path / "text.npy").unlink()
    with pytest.raises(CompanionError, match="has no text embeddings; use the other tower or encoder"):
        trained(settings, "--recipe", "vl_sae")
