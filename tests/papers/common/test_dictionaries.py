"""Training a recipe and measuring it are two steps; who needs only the dictionary never reads the test split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lib.base.errors import CompanionError
from lib.editing.masker import MaskerConfig
from lib.papers.common import dictionaries
from lib.papers.common.dictionaries import Recipe
from lib.papers.p4 import editing_pairs, settings
from lib.papers.p4.editors import fit_editors
from lib.run.cli import app
from lib.worlds.profiles import load_profile
from lib.worlds.scenes import Scenes
from lib.worlds.session import Session, open_session

SMALL = ["splits.train=150", "splits.dev=5", "splits.test=60", "sae.steps=10", "sae.batch=64", "seeds=[0]"]


@pytest.fixture
def session(cache: Path) -> Session:
    return open_session("02_dictionaries", load_profile("scenes", SMALL))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The splits that are embedded, in the order in which they are asked for."""
    splits, embeddings = [], Scenes.embeddings

    def note(self: Scenes, split: str) -> object:
        splits.append(split)
        return embeddings(self, split)

    monkeypatch.setattr(Scenes, "embeddings", note)
    return splits


def test_a_dictionary_that_is_only_trained_reads_no_test_split(session: Session, read: list[str]) -> None:
    for trained in (True, False):
        dictionaries.train_recipe(session, Recipe("topk", 1, 4, trained=trained), 0)
    assert set(read) == {"train"}
    dictionaries.fit_recipe(session, Recipe("topk", 1, 4), 0)
    assert set(read) == {"train", "test"}


def test_editors_are_fitted_without_the_test_split(
    session: Session, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editing_pairs, "TRAINING_SCENES", 150)
    (editor,) = fit_editors(session, {"masker": MaskerConfig(steps=2, batch=32)})
    assert editor.sae.config.recipe == settings.DICTIONARY.name
    assert set(read) == {"train", "dev"}


def test_a_fit_is_the_trained_dictionary_and_its_measures(session: Session) -> None:
    recipe = Recipe("topk", 2, 4)
    fitted, sae = dictionaries.fit_recipe(session, recipe, 0), dictionaries.train_recipe(session, recipe, 0)
    np.testing.assert_array_equal(fitted.sae.W_dec.detach(), sae.W_dec.detach())
    images = session.world.embeddings("test").tower("image")
    codes = fitted.codes.dense()
    assert (fitted.recipe, fitted.seed, len(codes)) == (recipe, 0, 60)
    left = images - (codes @ sae.W_dec.detach().numpy() + sae.b_dec.detach().numpy())
    variance = np.square(images - images.mean(axis=0)).sum()
    assert fitted.fidelity.fvu == pytest.approx(np.square(left).sum() / variance, rel=1e-4)
    assert fitted.firing.l0 == (codes != 0).sum() / 60


@pytest.mark.parametrize("name", ["vl_sae", "gsae", "gated"])
def test_a_recipe_that_does_not_train_on_one_tower_is_refused_by_name(name: str) -> None:
    message = f"no recipe {name!r} for one tower; known: relu, topk, batch_topk, jumprelu, matryoshka"
    with pytest.raises(CompanionError, match=message):
        Recipe(name, 4, 8)


def test_an_unknown_recipe_is_refused_by_the_command() -> None:
    answer = CliRunner().invoke(app, ["train", "--recipe", "vlsae"])
    assert "no recipe 'vlsae'; did you mean vl_sae" in str(answer.exception)
