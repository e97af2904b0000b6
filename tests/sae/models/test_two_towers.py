"""Every dictionary of two towers against the definitions, one row at a time; exactly k under ties; whole runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.sae.config import TrainConfig, TwoTowerConfig
from lib.sae.models.two_towers import TOWERS, TwoTowers
from lib.sae.models.vl_sae import VLSAE
from lib.sae.recipes import recipes_of
from lib.sae.storage import load_sae, save_sae
from lib.sae.training.train import train
from lib.sae.training.training_rows import training_rows
from lib.sae.training.untrained import untrained
from tests.sae.reference import NONE, check_gradients, random_pairs, random_two_towers, toy

RECIPES = recipes_of("two-tower")


def slow_code(sae: TwoTowers, x: torch.Tensor, tower: int) -> torch.Tensor:
    """The dense code (rows, width), by the paper's words, one row and latent at a time."""
    recipe = sae.config.recipe
    code = torch.zeros(len(x), sae.width, dtype=x.dtype)
    for i, row in enumerate(x):
        values = []
        for j in range(sae.width):
            w = sae.encoder[min(tower, sae.encoders - 1), j]
            if recipe.startswith("sae_"):
                value = torch.relu(row @ w + sae.b_enc[min(tower, sae.encoders - 1), j])
            elif "cosine" in recipe:
                value = torch.relu(row @ w / (row.norm() * w.norm()))
            else:
                value = 2 - (row / row.norm() - w / w.norm()).norm()
            values.append(value)
        values = torch.stack(values)
        kept = values.argsort(descending=True)[: sae.width if recipe == "distance_l1" else sae.config.k]
        code[i, kept] = values[kept]
    return code


@pytest.mark.parametrize("recipe", RECIPES)
def test_codes_and_loss_equal_the_definition(recipe: str) -> None:
    sae, x = random_two_towers(recipe), random_pairs(n=7)
    codes = [slow_code(sae, rows, tower) for tower, rows in enumerate(x.unbind(dim=1))]
    for tower, rows, slow in zip(TOWERS, x.unbind(dim=1), codes, strict=True):
        torch.testing.assert_close(sae.encode_tower(rows, tower).dense(), slow, atol=2e-3, rtol=0)
    hats = [
        code @ sae.W_dec[min(t, sae.decoders - 1)] + sae.b_dec[min(t, sae.decoders - 1)] for t, code in enumerate(codes)
    ]
    slow_loss = sum(((p - h) ** 2).sum(1).mean() for p, h in zip(x.unbind(dim=1), hats, strict=True))
    if recipe == "distance_l1":
        slow_loss = slow_loss + 0.1 * sum(code.sum(1).mean() for code in codes)
    out = sae.loss(x, NONE)
    torch.testing.assert_close(out.loss, slow_loss, atol=2e-2, rtol=1e-2)
    torch.testing.assert_close(out.reconstruction, torch.stack(hats, dim=1).detach(), atol=2e-2, rtol=1e-2)
    assert float(out.fired.sum()) == sum(int((code > 0).sum()) for code in codes)


@pytest.mark.parametrize("recipe", RECIPES)
def test_gradients(recipe: str) -> None:
    x = random_pairs(n=4)[:, :, :4]
    assert check_gradients(random_two_towers(recipe, d=4, width=6), lambda sae: sae.loss(x, NONE).loss)


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "distance_l1"])
def test_ties_select_exactly_k(recipe: str) -> None:
    sae = random_two_towers(recipe, k=4)
    with torch.no_grad():
        sae.encoder[:] = 1.0
        if sae.b_enc is not None:
            sae.b_enc.zero_()
    code = sae.encode_tower(torch.ones(3, 5, dtype=torch.float64), "image")
    assert torch.equal(torch.bincount(code.pattern.entry_rows), torch.full((3,), 4))


@pytest.mark.parametrize("recipe", RECIPES)
def test_rescaled_dictionary_does_the_same_on_rescaled_rows(recipe: str) -> None:
    sae, x = random_two_towers(recipe), random_pairs()
    before = [sae.decode_tower(sae.encode_tower(rows, t), t) for rows, t in zip(x.unbind(dim=1), TOWERS, strict=True)]
    sae.rescale(3.5)
    for rows, tower, hat in zip(x.unbind(dim=1), TOWERS, before, strict=True):
        torch.testing.assert_close(sae.decode_tower(sae.encode_tower(3.5 * rows, tower), tower), 3.5 * hat)


@pytest.mark.parametrize("recipe", RECIPES)
def test_storage_codes_and_reconstruction(recipe: str, tmp_path: Path) -> None:
    data = toy(40, 5)
    sae = random_two_towers(recipe).float()
    save_sae(sae, tmp_path)
    loaded = load_sae(tmp_path)
    for tower in TOWERS:
        codes = loaded.codes(data, tower)
        weight, bias = (part.detach().numpy() for part in sae.decoder_of(tower))
        np.testing.assert_allclose(loaded.reconstruct(codes, tower), codes.dense() @ weight + bias, atol=1e-4)
    assert loaded.d == 5 and loaded.width == 12


@pytest.mark.parametrize("recipe", ["vl_sae", "sae_s", "sae_d"])
def test_a_killed_run_goes_on_to_the_same_weights(recipe: str, tmp_path: Path) -> None:
    data = toy(200, 6)
    config = TrainConfig(TwoTowerConfig(recipe, 24, 4), steps=12, batch=50, lr=1e-3, dead_after=600, log_every=0)
    whole = train(config, data, TOWERS).sae.state_dict()

    class Killed(Exception):
        pass

    step = TwoTowers.after_step
    calls = []

    def die(self, *rest) -> None:
        calls.append(1)
        if len(calls) == 9:
            raise Killed
        step(self, *rest)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(TwoTowers, "after_step", die)
        train(config, data, TOWERS, folder=tmp_path, checkpoint_every=4)
    again = train(config, data, TOWERS, folder=tmp_path, checkpoint_every=4).sae.state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_training_reconstructs_and_the_scale_of_the_data_does_not_matter() -> None:
    config = TrainConfig(TwoTowerConfig("vl_sae", 24, 4), steps=60, batch=100, lr=3e-3, dead_after=600)
    small, large = (toy(300, 6, scale=scale) for scale in (1.0, 50.0))
    trained = train(config, small, TOWERS)
    assert trained.history.fvu.iloc[-1] < 0.9
    assert 2 < trained.history.l0.iloc[-1] <= 4, "of a row"
    ours, theirs = trained.sae, train(config, large, TOWERS).sae
    x = torch.from_numpy(training_rows(small, TOWERS)[:20])
    expected = 50 * ours.loss(x, NONE).reconstruction
    torch.testing.assert_close(theirs.loss(50 * x, NONE).reconstruction, expected, rtol=2e-2, atol=0.3)


def test_the_untrained_control_has_random_weights() -> None:
    base = untrained(TrainConfig(TwoTowerConfig("vl_sae", 16, 4), seed=1), toy(300, 6), TOWERS)
    assert isinstance(base, VLSAE) and bool(base.encoder.detach().any())


def test_errors() -> None:
    sae = random_two_towers("vl_sae")
    with pytest.raises(CompanionError, match=r"input of shape \(2, 4\); this dictionary takes \(n, 5\)"):
        sae.encode_tower(torch.zeros(2, 4), "image")
    with pytest.raises(CompanionError, match="codes of 12 latents for a dictionary of 6"):
        random_two_towers("vl_sae", width=6).decode_tower(sae.encode_tower(torch.zeros(2, 5).double(), "text"), "text")
    with pytest.raises(CompanionError, match="has no text embeddings"):
        train(TrainConfig(TwoTowerConfig("vl_sae", 8)), replace(toy(5, 4), text=None), TOWERS)
    assert not hasattr(sae, "encode")
