"""Folders of SAELens: ours come back, SAELens itself reads them where it is installed, and bad ones are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lib.base.errors import CompanionError
from lib.sae.base import SAE
from lib.sae.config import TwoTowerConfig
from lib.sae.formats.saelens import CONFIG, WEIGHTS, load_saelens, save_saelens
from lib.sae.recipes import build, recipes_of
from tests.sae.reference import random_rows, random_sae


def dictionary(recipe: str) -> SAE:
    sae = random_sae(recipe).float()
    if recipe in ("batch_topk", "matryoshka"):
        sae.threshold.fill_(0.2)  # type: ignore[operator, union-attr]
    return sae


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_a_dictionary_comes_back_with_the_same_codes(recipe: str, tmp_path: Path) -> None:
    sae, x = dictionary(recipe), random_rows().float()
    save_saelens(sae, tmp_path)
    again = load_saelens(tmp_path)
    assert again.config.recipe == {"batch_topk": "jumprelu", "matryoshka": "jumprelu"}.get(recipe, recipe)
    assert again.config.k == sae.config.k and not again.training
    assert torch.equal(again.encode(x).dense(), sae.encode(x).dense())
    assert torch.equal(again(x), sae(x))


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_sae_lens_reads_what_we_write_and_writes_what_we_read(recipe: str, tmp_path: Path) -> None:
    sae_lens = pytest.importorskip("sae_lens")
    sae, x = dictionary(recipe), random_rows(50).float()
    save_saelens(sae, tmp_path / "ours", model_name="scenes-clip", hook_name="block 2")
    theirs = sae_lens.SAE.load_from_disk(tmp_path / "ours")
    assert theirs.cfg.metadata.model_name == "scenes-clip"
    codes = theirs.encode(x)
    torch.testing.assert_close(codes, sae.encode(x).dense())
    torch.testing.assert_close(theirs.decode(codes), sae(x))
    theirs.save_model(tmp_path / "theirs")
    torch.testing.assert_close(load_saelens(tmp_path / "theirs")(x), sae(x))


def change(folder: Path, weights: dict[str, Tensor] | None = None, **entries: Any) -> None:
    plain = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**plain, **entries}))
    save_file({**load_file(folder / WEIGHTS), **(weights or {})}, folder / WEIGHTS)


def test_a_missing_bias_at_the_input_is_folded(tmp_path: Path) -> None:
    sae, x = dictionary("relu"), random_rows().float()
    save_saelens(sae, tmp_path)
    change(tmp_path, apply_b_dec_to_input=False)
    loaded = load_saelens(tmp_path)
    codes = torch.relu(x @ sae.W_enc + sae.b_enc)
    torch.testing.assert_close(loaded.encode(x).dense(), codes)
    torch.testing.assert_close(loaded(x), codes @ sae.W_dec + sae.b_dec)


def test_decoder_norms_in_the_selection_are_folded(tmp_path: Path) -> None:
    """SAELens then selects by pre-activation times norm, and decodes what it selected divided by it."""
    sae, x = dictionary("topk"), random_rows().float()
    save_saelens(sae, tmp_path)
    norms = torch.linspace(0.1, 3, sae.width)
    change(tmp_path, {"W_dec": sae.W_dec.detach() * norms[:, None]}, rescale_acts_by_decoder_norm=True)
    loaded = load_saelens(tmp_path)
    pre = ((x - sae.b_dec) @ sae.W_enc + sae.b_enc) * norms
    best = pre.topk(3).indices
    codes = torch.zeros_like(pre).scatter(1, best, pre.gather(1, best).relu())
    torch.testing.assert_close(loaded.encode(x).dense(), codes)
    torch.testing.assert_close(loaded(x), codes @ sae.W_dec + sae.b_dec)


@pytest.mark.parametrize(
    ("weights", "entries", "message"),
    [
        ({}, {"architecture": "gated"}, "architecture 'gated' is not known here; known: standard, topk, jumprelu"),
        ({}, {"normalize_activations": "layer_norm"}, "normalize_activations is 'layer_norm'; fold it into"),
        ({}, {"reshape_activations": "hook_z"}, "reshape_activations is 'hook_z'; fold it into"),
        ({}, {"architecture": ["topk"]}, "architecture .'topk'. is not known here"),
        ({}, {"metadata": 3}, "metadata is not a table"),
        ({}, {"metadata": {}}, "metadata.sae_lens_version is None; save the dictionary with SAELens 6"),
        ({}, {"metadata": {"sae_lens_version": "5.10.7"}}, "sae_lens_version is '5.10.7'; save"),
        ({}, {"metadata": {"sae_lens_version": "7.0.0"}}, "sae_lens_version is '7.0.0'; save"),
        (
            {},
            {"metadata": {"sae_lens_version": "6.3.0", "norm_scaling_factor": 2}},
            "metadata.norm_scaling_factor is not",
        ),
        ({}, {"normalize_activations": None}, "normalize_activations is None; fold it into"),
        ({}, {"apply_b_dec_to_input": "no"}, "apply_b_dec_to_input is 'no' in place of true or false"),
        ({}, {"rescale_acts_by_decoder_norm": 1}, "rescale_acts_by_decoder_norm is 1 in place of true or false"),
        ({}, {"k": 3.0}, "k is 3.0 in place of a whole number"),
        ({}, {"k": True}, "k is True in place of a whole number"),
        ({}, {"dtype": "int8"}, "dtype is 'int8'; known: bfloat16, float16"),
        ({}, {"scaling_factor": 1.0}, "entry 'scaling_factor' is not one of SAELens 6"),
        ({}, {"d_sae": 13}, r"has .* where cfg.json asks for .*\(5, 13\).*; get both files again"),
        ({}, {"d_in": "five"}, "d_in is 'five' in place of a whole number"),
        ({"threshold": torch.zeros(12)}, {}, "'threshold': .* where cfg.json asks for"),
        ({"b_dec": torch.full((5,), torch.inf)}, {}, "contains NaN or infinity"),
        ({}, {"k": 99}, "k is 99 of 12 latents"),
        ({}, {"architecture": "standard", "k": 3}, "entry 'k' is not one of SAELens 6"),
        (
            {},
            {"activation_fn_str": "topk"},
            "entry 'activation_fn_str' is not one of SAELens 6; save the dictionary with",
        ),
    ],
)
def test_other_folders_are_told(weights: dict, entries: dict, message: str, tmp_path: Path) -> None:
    save_saelens(dictionary("topk"), tmp_path)
    change(tmp_path, weights, **entries)
    with pytest.raises(CompanionError, match=message) as error:
        load_saelens(tmp_path)
    assert "\n" not in str(error.value)


ENTRIES = ["d_in", "d_sae", "dtype", "device", "metadata", "apply_b_dec_to_input"]
ENTRIES += ["normalize_activations", "reshape_activations", "k", "rescale_acts_by_decoder_norm"]


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_that_is_missing_has_no_default(entry: str, tmp_path: Path) -> None:
    save_saelens(dictionary("topk"), tmp_path)
    plain = json.loads((tmp_path / CONFIG).read_text())
    assert set(plain) == {"architecture", *ENTRIES}
    del plain[entry]
    (tmp_path / CONFIG).write_text(json.dumps(plain))
    with pytest.raises(CompanionError, match=rf"no entry '{entry}', which decides what the dictionary computes; save"):
        load_saelens(tmp_path)


def by_hand(folder: Path, config: dict[str, Any], **weights: Tensor) -> Path:
    """A folder with a configuration and weights as they are given."""
    folder.mkdir(exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(config))
    save_file(weights, folder / WEIGHTS)
    return folder


def test_folders_of_saelens_5_are_refused(tmp_path: Path) -> None:
    """A TopK dictionary of that version calls itself `standard`; read as it looks, it would be a ReLU."""
    d_in, d_sae = 4, 16
    old = {"d_in": d_in, "d_sae": d_sae, "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": True}
    old |= {"normalize_activations": "none", "sae_lens_training_version": "5.3.0", "architecture": "standard"}
    random = torch.Generator().manual_seed(0)
    weights = {"W_enc": torch.randn(d_in, d_sae, generator=random), "b_enc": torch.zeros(d_sae)}
    weights |= {"W_dec": torch.randn(d_sae, d_in, generator=random), "b_dec": torch.zeros(d_in)}
    topk = old | {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 4}}
    with pytest.raises(CompanionError, match="entry 'activation_fn_kwargs' is not one of SAELens 6"):
        load_saelens(by_hand(tmp_path / "topk", topk, **weights))
    with pytest.raises(CompanionError, match="entry 'sae_lens_training_version' is not one of SAELens 6"):
        load_saelens(by_hand(tmp_path / "standard", old, **weights))
    del old["sae_lens_training_version"]
    with pytest.raises(CompanionError, match="no entry 'metadata', which decides"):
        load_saelens(by_hand(tmp_path / "bare", old, **weights))
    new = old | {"reshape_activations": "none", "metadata": {"sae_lens_version": "6.0.0-rc.3", "hook_name": "blocks.2"}}
    assert load_saelens(by_hand(tmp_path / "new", new, **weights)).config.recipe == "relu"


def test_a_recipe_without_an_architecture_is_told(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match="SAELens needs a one-tower dictionary, and 'vl_sae' is two-tower"):
        save_saelens(build(TwoTowerConfig("vl_sae", 12, 3), 10), tmp_path)
    assert not any(tmp_path.iterdir())


def test_missing_and_cut_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"cannot read .*cfg.json .*; give a folder that SAELens 6 wrote"):
        load_saelens(tmp_path)
    save_saelens(dictionary("relu"), tmp_path)
    (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:90])
    with pytest.raises(CompanionError, match=r"cannot read .*sae_weights.safetensors"):
        load_saelens(tmp_path)
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(CompanionError, match=r"cannot read .*cfg.json \(KeyError"):
        load_saelens(tmp_path)
