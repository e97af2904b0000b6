"""Dictionaries of pairs against the definitions, one row at a time; exactly k under ties; gradients; a whole run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib.data.errors import CompanionError
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.kmeans import centred, kmeans
from lib.sae.recipes import TWO_TOWER_RECIPES, build
from lib.sae.storage import load_sae, save_sae
from lib.sae.train import train
from lib.sae.two_towers import TOWERS, TwoTowers, side_by_side
from lib.sae.untrained import untrained
from lib.sae.vl_sae import EPSILON, VLSAE
from tests.sae.reference import check_gradients, random_rows, toy

NONE = torch.zeros(0, dtype=torch.int64)
ANGULAR = ("vl_sae", "distance_shared", "vl_sae_cosine", "cosine_shared")


def random_paired(recipe: str, d: int = 5, width: int = 12, k: int = 3) -> TwoTowers:
    """A float64 dictionary of pairs with random weights."""
    sae = build(SAEConfig(recipe, width, k, l1=0.1), 2 * d).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return sae


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


@pytest.mark.parametrize("recipe", TWO_TOWER_RECIPES)
def test_codes_and_loss_equal_the_definition(recipe: str) -> None:
    sae, x = random_paired(recipe), random_rows(7, 10)
    codes = [slow_code(sae, part, tower) for tower, part in enumerate(x.chunk(2, dim=1))]
    for tower, part, slow in zip(TOWERS, x.chunk(2, dim=1), codes, strict=True):
        torch.testing.assert_close(sae.encode_tower(part, tower).dense(), slow, atol=2e-3, rtol=0)
    hats = [
        code @ sae.W_dec[min(t, sae.decoders - 1)] + sae.b_dec[min(t, sae.decoders - 1)] for t, code in enumerate(codes)
    ]
    slow_loss = sum(((p - h) ** 2).sum(1).mean() for p, h in zip(x.chunk(2, dim=1), hats, strict=True))
    if recipe == "distance_l1":
        slow_loss = slow_loss + 0.1 * sum(code.sum(1).mean() for code in codes)
    out = sae.loss(x, NONE)
    torch.testing.assert_close(out.loss, slow_loss, atol=2e-2, rtol=1e-2)
    torch.testing.assert_close(sae(x), out.reconstruction)


@pytest.mark.parametrize("recipe", TWO_TOWER_RECIPES)
def test_gradients(recipe: str) -> None:
    x = random_rows(4, 8)
    assert check_gradients(random_paired(recipe, d=4, width=6), lambda sae: sae.loss(x, NONE).loss)


@pytest.mark.parametrize("recipe", [name for name in TWO_TOWER_RECIPES if name != "distance_l1"])
def test_ties_select_exactly_k(recipe: str) -> None:
    sae = random_paired(recipe, k=4)
    with torch.no_grad():
        sae.encoder[:] = 1.0
        if sae.b_enc is not None:
            sae.b_enc.zero_()
    code = sae.encode_tower(torch.ones(3, 5, dtype=torch.float64), "image")
    assert torch.equal(torch.bincount(code.positions // 12), torch.full((3,), 4))


@given(cosine=st.floats(-1, 1))
def test_the_activation_is_two_minus_the_distance(cosine: float) -> None:
    found = float(random_paired("vl_sae").activation(torch.tensor(cosine, dtype=torch.float64)))
    assert found == pytest.approx(2 - np.sqrt(2 - 2 * cosine), abs=1.01 * np.sqrt(EPSILON))
    assert 0 - 1e-6 <= found <= 2


def test_the_triangle_inequality_bounds_the_difference_of_two_activations() -> None:
    """Eq. 5: |g(x_v, w) - g(x_l, w)| <= g(x_v, x_l)."""
    sae = random_paired("vl_sae", k=12)
    x, y = (torch.nn.functional.normalize(random_rows(50, 5, seed), dim=1) for seed in (1, 2))
    difference = (sae.encode_tower(x, "image").dense() - sae.encode_tower(y, "text").dense()).abs().amax(dim=1)
    assert (difference <= (x - y).norm(dim=1) + 1e-3).all()


@pytest.mark.parametrize("recipe", ANGULAR)
def test_angular_codes_ignore_norms_and_select_alike(recipe: str) -> None:
    sae, distance, x = random_paired(recipe), random_paired("vl_sae"), random_rows(6, 5)
    code = sae.encode_tower(x, "text")
    torch.testing.assert_close(code.dense(), sae.encode_tower(7.5 * x, "text").dense())
    assert torch.equal(code.positions, distance.encode_tower(x, "image").positions)


def test_gradients_are_finite_on_a_latent_and_without_a_norm() -> None:
    sae = random_paired("vl_sae")
    x = torch.zeros(2, 10, dtype=torch.float64)
    x[0] = sae.encoder[0, 0].detach().repeat(2)
    sae.loss(x, NONE).loss.backward()
    assert all(bool(p.grad.isfinite().all()) for p in sae.parameters())


@pytest.mark.parametrize("recipe", TWO_TOWER_RECIPES)
def test_storage_codes_and_reconstruction(recipe: str, tmp_path: Path) -> None:
    data = toy(40, 5)
    sae = random_paired(recipe).float()
    save_sae(sae, tmp_path)
    loaded = load_sae(tmp_path)
    for tower in TOWERS:
        codes = loaded.codes(data, tower)
        weight, bias = (part.detach().numpy() for part in sae.decoder_of(tower))
        np.testing.assert_allclose(loaded.reconstruct(codes, tower), codes.dense() @ weight + bias, atol=1e-4)
    assert loaded.d == 10 and loaded.width == 12


@pytest.mark.parametrize("recipe", ["vl_sae", "sae_s", "sae_d"])
def test_a_killed_run_goes_on_to_the_same_weights(recipe: str, tmp_path: Path) -> None:
    data = side_by_side(toy(200, 6))
    config = TrainConfig(SAEConfig(recipe, 24, 4), steps=12, batch=50, lr=1e-3, dead_after=600, log_every=0)
    whole = train(config, data).sae.state_dict()

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
        train(config, data, folder=tmp_path, checkpoint_every=4)
    again = train(config, data, folder=tmp_path, checkpoint_every=4).sae.state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_training_reconstructs_and_the_scale_of_the_data_does_not_matter() -> None:
    config = TrainConfig(SAEConfig("vl_sae", 24, 4), steps=60, batch=100, lr=3e-3, dead_after=600)
    small, large = (side_by_side(toy(300, 6, scale=scale)) for scale in (1.0, 50.0))
    trained = train(config, small)
    assert trained.history.fvu.iloc[-1] < 0.9
    ours, theirs = trained.sae, train(config, large).sae
    x = torch.from_numpy(small.tower("image")[:20])
    torch.testing.assert_close(50 * ours(x), theirs(50 * x), rtol=2e-2, atol=0.3)


def test_controls() -> None:
    data = toy(300, 6)
    config = SAEConfig("vl_sae", 16, 4)
    base = untrained(TrainConfig(config, seed=1), side_by_side(data))
    assert isinstance(base, VLSAE) and bool(base.encoder.detach().any())
    middle = centred(data, data)
    assert abs(middle.tower("text").mean(axis=0)).max() < 1e-6
    centroids = kmeans(config, middle, seed=0)
    assert (np.diff(centroids.codes(middle, "image").indptr) == 4).all()
    assert torch.equal(centroids.encoder, kmeans(config, middle, seed=0).encoder)


@pytest.mark.parametrize(
    ("recipe", "encoders", "decoders"),
    [
        ("sae_s", 1, 1), ("sae_d", 2, 2), ("vl_sae", 1, 2), ("vl_sae_cosine", 1, 2),
        ("cosine_shared", 1, 1), ("distance_shared", 1, 1), ("distance_l1", 1, 2),
    ],
)  # fmt: skip
def test_what_the_towers_share(recipe: str, encoders: int, decoders: int) -> None:
    sae = random_paired(recipe)
    assert sae.encoder.shape == (encoders, 12, 5) and sae.W_dec.shape == (decoders, 12, 5)
    assert sae.b_dec.shape == (decoders, 5) and (sae.b_enc is None or sae.b_enc.shape == (encoders, 12))


def test_centroids_are_those_of_directions_whatever_the_norms() -> None:
    rng = np.random.default_rng(0)
    directions, _ = np.linalg.qr(rng.standard_normal((5, 3)))
    rows = directions.T[np.arange(60) % 3] * rng.uniform(0.01, 100, (2, 60, 1))
    image, text = rows.astype(np.float32)
    found = kmeans(SAEConfig("vl_sae", 3, 1), replace(toy(60, 5), image=image, text=text), seed=0).encoder[0]
    order = [int((directions.T @ row).argmax()) for row in found.detach().numpy()]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(found.detach().numpy(), directions.T[order], atol=1e-5)


def test_errors() -> None:
    with pytest.raises(CompanionError, match="rows of 7 numbers are no pairs"):
        build(SAEConfig("vl_sae", 8), 7)
    sae = random_paired("vl_sae")
    with pytest.raises(CompanionError, match=r"image rows of shape \(2, 4\); this dictionary takes \(n, 5\)"):
        sae.encode_tower(torch.zeros(2, 4), "image")
    with pytest.raises(CompanionError, match="encodes one tower at a time"):
        sae.encode(torch.zeros(2, 10))
    with pytest.raises(CompanionError, match="codes of 12 latents for a dictionary of 6"):
        random_paired("vl_sae", width=6).decode_tower(sae.encode_tower(torch.zeros(2, 5).double(), "text"), "text")
    with pytest.raises(CompanionError, match="has no text embeddings"):
        side_by_side(replace(toy(5, 4), text=None))
