from itertools import chain

import pytest

from lib.base.errors import CompanionError
from lib.sae.base import SAE
from lib.sae.config import ONE_TOWER, PAIRS, PairedConfig, SAEConfig, TwoTowerConfig
from lib.sae.models.paired import Paired
from lib.sae.models.two_towers import TwoTowers
from lib.sae.recipes import RECIPES, build, recipes_of


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_builds_a_dictionary_of_its_kind(recipe):
    kind = RECIPES[recipe].kind
    config = {"one-tower": SAEConfig, "two-tower": TwoTowerConfig, "paired": PairedConfig}[kind]
    sae = build(config(recipe, 32), 8)
    assert (sae.d, sae.width) == (8, 32)
    assert isinstance(sae, {"one-tower": SAE, "two-tower": TwoTowers, "paired": Paired}[kind])


def test_kinds_share_out_the_register():
    kinds = [recipes_of(kind) for kind in ("one-tower", "two-tower", "paired")]
    assert sorted(chain(*kinds)) == sorted(RECIPES)
    assert kinds[0] == [*ONE_TOWER] and kinds[1] + kinds[2] == [*PAIRS]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (SAEConfig("gated", 32), f"unknown recipe 'gated' in a SAEConfig, which takes: {', '.join(ONE_TOWER)}$"),
        (SAEConfig("vl_sae", 32), f"two-tower recipe 'vl_sae' in a SAEConfig, which takes: {', '.join(ONE_TOWER)}$"),
        (TwoTowerConfig("topk", 32), "one-tower recipe 'topk' in a TwoTowerConfig, which takes: vl_sae, sae_s, "),
        (PairedConfig("topk", 32), "one-tower recipe 'topk' in a PairedConfig, which takes: paired_topk, .*, gsae, "),
        (PairedConfig("vl_sae", 32), "two-tower recipe 'vl_sae' in a PairedConfig, which takes: paired_topk"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(config, message):
    with pytest.raises(CompanionError, match=message) as error:
        build(config, 8)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("config", [SAEConfig("topk", 32), TwoTowerConfig("vl_sae", 32), PairedConfig("gsae", 32)])
def test_no_dimensions_are_refused(config):
    with pytest.raises(CompanionError, match="inputs of 0 dimensions; give at least 1"):
        build(config, 0)
