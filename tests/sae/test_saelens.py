"""Folders of SAELens: ours come back, SAELens itself reads them where it is installed, and bad ones are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lib.data.errors import CompanionError
from lib.sae.base import SAE
from lib.sae.recipes import RECIPES
from lib.sae.saelens import CONFIG, WEIGHTS, load_saelens, save_saelens
from tests.sae.reference import random_rows, random_sae


def dictionary(recipe: str) -> SAE:
    sae = random_sae(recipe).float()
    if recipe in ("batch_topk", "matryoshka"):
        sae.threshold.fill_(0.2)  # type: ignore[operator, union-attr]
    return sae


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_dictionary_comes_back_with_the_same_codes(recipe: str, tmp_path: Path) -> None:
    sae, x = dictionary(recipe), random_rows().float()
    save_saelens(sae, tmp_path)
    again = load_saelens(tmp_path)
    assert again.config.recipe == {"batch_topk": "jumprelu", "matryoshka": "jumprelu"}.get(recipe, recipe)
    assert again.config.k == sae.config.k and not again.training
    assert torch.equal(again.encode(x).dense(), sae.encode(x).dense())
    assert torch.equal(again(x), sae(x))


@pytest.mark.parametrize("recipe", RECIPES)
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
        ({}, {"metadata": 3}, "metadata is no table"),
        ({}, {"d_sae": 13}, r"holds .* where cfg.json asks for .*\(5, 13\).*; get both files again"),
        ({}, {"d_in": "five"}, "d_in 'five' and d_sae 12 must be whole numbers"),
        ({"threshold": torch.zeros(12)}, {}, "'threshold': .* where cfg.json asks for"),
        ({"b_dec": torch.full((5,), torch.inf)}, {}, "holds NaN or infinity"),
        ({}, {"k": 99}, "k is 99 of 12 latents"),
    ],
)
def test_other_folders_are_told(weights: dict, entries: dict, message: str, tmp_path: Path) -> None:
    save_saelens(dictionary("topk"), tmp_path)
    change(tmp_path, weights, **entries)
    with pytest.raises(CompanionError, match=message) as error:
        load_saelens(tmp_path)
    assert "\n" not in str(error.value)


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
