import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from lib.base.errors import CompanionError
from lib.sae.recipes import recipes_of
from lib.sae.storage import CONFIG, WEIGHTS, load_sae, save_sae
from tests.sae.reference import random_rows, random_sae


@pytest.fixture
def folder(tmp_path):
    save_sae(random_sae("topk").float(), tmp_path)
    return tmp_path


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_dictionary_comes_back(recipe, tmp_path):
    sae = random_sae(recipe).float()
    if recipe in ("batch_topk", "matryoshka"):
        sae.threshold.fill_(0.2)
    save_sae(sae, tmp_path)
    again = load_sae(tmp_path)
    assert type(again) is type(sae)
    assert again.config == sae.config
    assert not again.training
    x = random_rows().float()
    assert torch.equal(again.encode(x).dense(), sae.encode(x).dense())
    assert torch.equal(again(x), sae(x))


def change(folder, **entries):
    plain = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**plain, **entries}))


def test_the_schema_is_written(folder):
    plain = json.loads((folder / CONFIG).read_text())
    assert (plain["schema"], plain["d"], plain["sae"]["recipe"]) == (1, 5, "topk")


def test_another_schema_is_refused(folder):
    change(folder, schema=2)
    with pytest.raises(CompanionError, match="has schema 2, this version reads 1; save the dictionary again"):
        load_sae(folder)


def test_another_shape_is_refused(folder):
    change(folder, d=6)
    with pytest.raises(CompanionError, match=r"has .* where its config asks for .*; take both from one dictionary"):
        load_sae(folder)


@pytest.mark.parametrize(
    "entries",
    [{"sae": {"recipe": "topk"}}, {"sae": None}, {"d": "five"}, {"sae": {"recipe": "topk", "width": 12, "k": 0}}],
    ids=str,
)
def test_a_broken_config_is_refused(folder, entries):
    change(folder, **entries)
    with pytest.raises(CompanionError) as error:
        load_sae(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}'])
def test_an_incomplete_config_is_refused(folder, text):
    (folder / CONFIG).write_text(text)
    with pytest.raises(CompanionError, match="give a folder that `save_sae` wrote"):
        load_sae(folder)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(folder, keep):
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CompanionError, match=r"cannot read .*sae.safetensors .*; train or fetch the dictionary again"):
        load_sae(folder)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(CompanionError, match=f"cannot read .*{name}"):
        load_sae(folder)


def test_weights_that_are_not_finite_are_refused(folder):
    weights = load_file(folder / WEIGHTS)
    weights["b_dec"][0] = torch.nan
    save_file(weights, folder / WEIGHTS)
    with pytest.raises(CompanionError, match=r"sae.safetensors contains NaN or infinity"):
        load_sae(folder)
