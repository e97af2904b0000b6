import pytest

from lib.data.errors import CompanionError
from lib.sae.config import SAEConfig
from lib.sae.recipes import RECIPES, build


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_builds(recipe):
    sae = build(SAEConfig(recipe, 32), 8)
    assert (sae.d, sae.width) == (8, 32)
    assert sae.W_enc.shape == (8, 32)


def test_unknown_recipe_is_refused():
    with pytest.raises(CompanionError, match="unknown recipe 'gated'; known: relu, topk"):
        build(SAEConfig("gated", 32), 8)


def test_no_dimensions_are_refused():
    with pytest.raises(CompanionError, match="inputs of 0 dimensions; give at least 1"):
        build(SAEConfig("topk", 32), 0)
