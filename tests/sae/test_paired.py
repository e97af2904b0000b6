"""Shared dictionaries against dense versions of their losses, and their views against the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lib.data.errors import CompanionError
from lib.sae.config import PairedConfig, SAEConfig, TrainConfig, train_config
from lib.sae.gsae import group_norm, group_weight
from lib.sae.iso_energy import alignment
from lib.sae.paired import Paired
from lib.sae.recipes import PAIRED_RECIPES, build
from lib.sae.sparse import Code
from lib.sae.storage import load_sae, save_sae
from lib.sae.train import TrainingRun, train, training_rows
from tests.sae.reference import assert_same_gradients, check_gradients, toy

TWO, THREE = ("image", "text"), ("image", "text", "audio")
NONE = torch.zeros(0, dtype=torch.int64)


def random_paired(recipe: str, modalities=TWO, biases: int = 2, k: int = 3, **rest) -> Paired:
    generator = torch.Generator().manual_seed(3)
    sae = build(PairedConfig(recipe, 12, k, modalities=modalities, biases=biases, penalty=0.3, **rest), 5).double()
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    sae.normalise_decoder()
    return sae


def random_pairs(members: int = 2, n: int = 6) -> Tensor:
    return torch.randn(n, members, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def slow_codes(sae: Paired, x: Tensor) -> Tensor:
    """(pairs, members, width), one row after the other by the definition; TopK only."""
    rows = []
    for pair in x:
        for member, row in enumerate(pair):
            hidden = torch.relu(sae.W_enc.t() @ (row - sae.biases[member % len(sae.biases)]) + sae.b_enc)
            keep = torch.zeros_like(hidden)
            keep[hidden.detach().topk(sae.config.k).indices] = 1
            rows.append(hidden * keep)
    return torch.stack(rows).view(len(x), x.shape[1], sae.width)


def slow_error(sae: Paired, x: Tensor, z: Tensor) -> Tensor:
    return (x - z @ sae.W_dec - sae.biases).square().sum() / len(x)


def slow_added(recipe: str, z: Tensor) -> Tensor:
    """The recipe's term as a loop over pairs."""
    total = z.new_zeros(())
    for pair in z:
        if recipe == "gsae":
            total = total + sum(column.norm() for column in pair.t() if bool((column > 0).any()))
        if recipe == "iso_energy":
            couples = [(a, b) for a in range(len(pair)) for b in range(a)]
            cosines = [torch.nn.functional.cosine_similarity(pair[a], pair[b], dim=0) for a, b in couples]
            total = total - torch.stack(cosines).mean()
    return total / len(z)


@pytest.mark.parametrize("biases", [1, "each"])
@pytest.mark.parametrize("modalities", [TWO, THREE], ids=len)
@pytest.mark.parametrize("recipe", ["paired_topk", "gsae", "iso_energy"])
def test_loss_and_gradients_equal_the_loop(recipe, modalities, biases):
    sae = random_paired(recipe, modalities, 1 if biases == 1 else len(modalities))
    x = random_pairs(len(modalities))
    z = slow_codes(sae, x)
    out = sae.loss(x, NONE)
    assert_same_gradients(sae, out.loss, slow_error(sae, x, z) + 0.3 * slow_added(recipe, z))
    torch.testing.assert_close(out.reconstruction, (z @ sae.W_dec + sae.biases).detach())
    torch.testing.assert_close(out.fired, (z > 0).sum(dim=(0, 1)).float())


@pytest.mark.parametrize("recipe", ["gsae", "iso_energy", "paired_batch_topk", "paired_matryoshka"])
def test_gradcheck(recipe):
    assert check_gradients(random_paired(recipe), lambda sae: sae.loss(random_pairs(), NONE).loss)


def dense_code(matrix: Tensor) -> Code:
    positions = matrix.flatten().nonzero()[:, 0]
    return Code(positions, matrix.flatten()[positions], *matrix.shape)


@given(st.integers(1, 5), st.integers(2, 4), st.integers(0, 99))
def test_the_group_norm_lies_between_sharing_and_splitting(pairs, members, seed):
    drawn = torch.rand(pairs * members, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    z = drawn * (drawn > 0.5)
    value = float(group_norm(dense_code(z), members))
    alone = float(z.sum()) / pairs
    assert alone / members**0.5 - 1e-9 <= value <= alone + 1e-4
    equal = z[::members].repeat_interleave(members, dim=0)  # all members alike: the discount of sharing is whole
    assert abs(float(group_norm(dense_code(equal), members)) - float(equal.sum()) / pairs / members**0.5) < 1e-4


def test_the_group_norm_by_loops():
    z = torch.rand(12, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)  # more pairs than latents
    z *= z > 0.4
    slow = sum(float(pair[:, latent].square().sum()) ** 0.5 for pair in z for latent in range(3)) / 12
    assert float(group_norm(dense_code(z.flatten(0, 1)), 2)) == pytest.approx(slow)


def test_a_latent_of_value_zero_has_no_gradient():
    values = torch.tensor([0.0, 2.0, 0.0], dtype=torch.float64, requires_grad=True)
    group_norm(Code(torch.tensor([0, 4, 5]), values, 2, 4), 2).backward()
    assert torch.equal(values.grad[[0, 2]], torch.zeros(2, dtype=torch.float64))


def test_alignment_of_equal_and_of_disjoint_codes():
    equal, disjoint = torch.tensor([[1.0, 2, 0], [2, 4, 0]]), torch.tensor([[1.0, 2, 0], [0, 0, 1]])
    assert abs(float(alignment(dense_code(equal), 2)) - 1) < 1e-6
    assert abs(float(alignment(dense_code(disjoint), 2))) < 1e-6


def test_group_weight_is_the_papers_at_its_k():
    assert group_weight(32) == 0.05 and group_weight(8) == pytest.approx(0.1)
    with pytest.raises(CompanionError, match="at least one active latent"):
        group_weight(0)
    with pytest.raises(CompanionError, match="no whole groups of 2"):
        group_norm(Code(NONE, torch.zeros(0), 3, 4), 2)


@pytest.mark.parametrize("rows", ["pair", "batch"])
def test_the_mask_is_shared_by_a_pair_and_hides_its_share(rows):
    sae = build(PairedConfig("mgsae", 400, 3, mask=0.25, mask_rows=rows), 5)
    sae.generator = torch.Generator().manual_seed(0)
    hidden = sae.hide(torch.ones(20, 400)).view(10, 2, 400) == 0
    assert torch.equal(hidden[:, 0], hidden[:, 1])
    assert 0.2 < float(hidden.float().mean()) < 0.3
    assert bool((hidden[0] == hidden[1]).all()) is (rows == "batch")


def test_a_hidden_latent_is_never_active_in_training_and_nothing_is_hidden_at_inference():
    sae = random_paired("mgsae", k=12, mask=0.9)
    sae.generator = torch.Generator().manual_seed(0)
    assert int(sae.loss(random_pairs(), NONE).fired.sum()) < 40
    one = sae.of("text")
    x = random_pairs()[:, 1]
    expected = torch.relu((x - sae.biases[1]) @ sae.W_enc + sae.b_enc)
    torch.testing.assert_close(one.encode(x).dense(), expected.detach())
    with pytest.raises(CompanionError, match="call `initialise`"):
        random_paired("mgsae", mask=0.2).loss(random_pairs(), NONE)


@pytest.mark.parametrize("recipe", PAIRED_RECIPES)
def test_training_restarts_to_the_same_weights_and_lies_on_disk(recipe, tmp_path):
    config = TrainConfig(PairedConfig(recipe, 40, 4, mask=0.2, penalty=0.1), steps=12, batch=50, seed=1, log_every=4)
    whole = train(config, toy(), TWO)
    with pytest.raises(KeyboardInterrupt):
        interrupted(config, tmp_path)
    again = train(config, toy(), TWO, folder=tmp_path, checkpoint_every=5)
    for name, value in whole.sae.state_dict().items():
        assert torch.equal(value, again.sae.state_dict()[name]), name
    assert whole.history.equals(again.history) and whole.history.l0.iloc[-1] == pytest.approx(4, abs=0.5)
    save_sae(whole.sae, tmp_path)
    loaded = load_sae(tmp_path)
    assert loaded.config == whole.sae.config
    assert np.array_equal(loaded.codes(toy(), "text").values, whole.sae.codes(toy(), "text").values)


def interrupted(config: TrainConfig, folder) -> None:
    """Train until the first checkpoint and stop there."""
    run = TrainingRun(config, toy(), TWO, "cpu")
    for _ in range(5):
        x, out = run.advance()
        if run.step == 4:
            run.log(x, out)
    run.save(folder)
    raise KeyboardInterrupt


def test_each_modality_has_its_own_bias_near_its_median_and_a_view():
    sae = train(TrainConfig(PairedConfig("paired_topk", 40, 4), steps=2, batch=50), toy(), TWO).sae
    biases = sae.biases.detach().numpy()
    for row, tower in enumerate(TWO):
        assert np.linalg.norm(biases[row] - np.median(toy().tower(tower), axis=0)) < 0.3
        assert np.array_equal(sae.of(tower).b_dec.detach().numpy(), biases[row])
        codes = sae.codes(toy(), tower)
        dense = codes.dense() @ sae.W_dec.detach().numpy() + biases[row]
        np.testing.assert_allclose(sae.reconstruct(codes, tower), dense, atol=1e-5)


def test_the_two_biases_tell_mirrored_modalities_apart():
    one = train(TrainConfig(PairedConfig("paired_topk", 40, 4, biases=1), steps=2, batch=50), toy(), TWO).sae
    assert one.of("image").b_dec.equal(one.of("text").b_dec)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PairedConfig("gsae", 8, modalities=("image",)), "name two or more"),
        (lambda: PairedConfig("gsae", 8, modalities=("image", "image")), "each once"),
        (lambda: PairedConfig("gsae", 8, biases=3), "biases is 3; give 1 or 2"),
        (lambda: PairedConfig("gsae", 8, penalty=-1.0), "penalty is -1.0"),
        (lambda: PairedConfig("gsae", 8, mask=1.0), "mask is 1.0"),
        (lambda: PairedConfig("gsae", 8, mask_rows="row"), "known: pair, batch"),
        (lambda: build(PairedConfig("topk", 8), 5), "unknown recipe 'topk'"),
        (lambda: build(SAEConfig("gsae", 8), 5), "unknown recipe 'gsae'"),
        (lambda: random_paired("gsae").of("audio"), "no modality 'audio' in this dictionary; known: image, text"),
        (lambda: random_paired("gsae").encode(random_pairs()[:, 0]), "one modality at a time"),
        (
            lambda: train(TrainConfig(PairedConfig("gsae", 8), steps=1), toy(), "image"),
            r"give \(n, 2, d\): image, text",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(CompanionError, match=message):
        call()


def test_towers_of_different_size_are_named():
    class Uneven:
        encoder = "odd"

        def tower(self, name):
            return np.zeros((2, 3 if name == "image" else 4))

    with pytest.raises(CompanionError, match="odd: a shared dictionary needs one dimension, not image 3, text 4"):
        training_rows(Uneven(), TWO)


def test_a_paired_configuration_survives_json():
    config = TrainConfig(PairedConfig("mgsae", 16, 4, modalities=THREE, biases=3, mask=0.2))
    plain = config.plain()
    plain["sae"]["modalities"] = list(plain["sae"]["modalities"])
    assert train_config(plain) == config
