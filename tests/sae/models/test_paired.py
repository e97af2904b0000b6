"""Shared dictionaries against dense versions of their losses, and their views against the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.sae.config import PairedConfig, TrainConfig
from lib.sae.recipes import recipes_of
from lib.sae.storage import load_sae, save_sae
from lib.sae.training.train import TrainingRun, train
from tests.sae.reference import (
    NONE,
    PAIR,
    THREE,
    assert_same_gradients,
    check_gradients,
    random_paired,
    random_pairs,
    slow_codes,
    slow_error,
    toy,
)


@pytest.mark.parametrize("biases", [1, "each"])
@pytest.mark.parametrize("modalities", [PAIR, THREE], ids=len)
def test_loss_and_gradients_equal_the_loop(modalities, biases):
    sae = random_paired("paired_topk", modalities, 1 if biases == 1 else len(modalities))
    x = random_pairs(len(modalities))
    z = slow_codes(sae, x)
    out = sae.loss(x, NONE)
    assert_same_gradients(sae, out.loss, slow_error(sae, x, z))
    torch.testing.assert_close(out.reconstruction, (z @ sae.W_dec + sae.biases).detach())
    torch.testing.assert_close(out.fired, (z > 0).sum(dim=(0, 1)).float())


@pytest.mark.parametrize("recipe", ["paired_batch_topk", "paired_matryoshka"])
def test_gradcheck(recipe):
    assert check_gradients(random_paired(recipe), lambda sae: sae.loss(random_pairs(), NONE).loss)


@pytest.mark.parametrize("recipe", recipes_of("paired"))
def test_training_restarts_to_the_same_weights_and_is_stored(recipe, tmp_path):
    config = TrainConfig(PairedConfig(recipe, 40, 4, mask=0.2, penalty=0.1), steps=12, batch=50, seed=1, log_every=4)
    whole = train(config, toy(), PAIR)
    with pytest.raises(KeyboardInterrupt):
        interrupted(config, tmp_path)
    again = train(config, toy(), PAIR, folder=tmp_path, checkpoint_every=5)
    for name, value in whole.sae.state_dict().items():
        assert torch.equal(value, again.sae.state_dict()[name]), name
    assert whole.history.equals(again.history) and whole.history.l0.iloc[-1] == pytest.approx(4, abs=0.5)
    save_sae(whole.sae, tmp_path)
    loaded = load_sae(tmp_path)
    assert loaded.config == whole.sae.config
    assert np.array_equal(loaded.codes(toy(), "text").values, whole.sae.codes(toy(), "text").values)


def interrupted(config: TrainConfig, folder) -> None:
    """Train until the first checkpoint and stop there."""
    run = TrainingRun(config, toy(), PAIR, "cpu")
    for _ in range(5):
        x, out = run.advance()
        if run.step == 4:
            run.log(x, out)
    run.save(folder)
    raise KeyboardInterrupt


@pytest.mark.parametrize("recipe", recipes_of("paired"))
def test_a_view_does_what_the_dictionary_does_with_its_modality(recipe):
    sae, x = random_paired(recipe), random_pairs()[:, 1]
    if "threshold" in sae.state_dict():
        sae.threshold.fill_(0.2)
    view = sae.of("text")
    assert not view.training
    torch.testing.assert_close(view.encode(x).dense(), sae.encode_tower(x, "text").dense())
    weight, bias = sae.decoder_of("text")
    torch.testing.assert_close(view(x), sae.encode_tower(x, "text").dense() @ weight + bias)
    sae.rescale(2.0)  # on the same memory
    torch.testing.assert_close(view.encode(2 * x).dense(), sae.encode_tower(2 * x, "text").dense())


@pytest.mark.parametrize("recipe", recipes_of("paired"))
def test_rescaled_dictionary_does_the_same_on_rescaled_rows(recipe):
    sae, x = random_paired(recipe), random_pairs()[:, 0]
    if "threshold" in sae.state_dict():
        sae.threshold.fill_(0.2)
    code = sae.encode_tower(x, "image").dense()
    sae.rescale(3.5)
    torch.testing.assert_close(sae.encode_tower(3.5 * x, "image").dense(), 3.5 * code)


def test_each_modality_has_its_own_bias_near_its_median_and_a_view():
    sae = train(TrainConfig(PairedConfig("paired_topk", 40, 4), steps=2, batch=50), toy(), PAIR).sae
    biases = sae.biases.detach().numpy()
    for row, tower in enumerate(PAIR):
        assert np.linalg.norm(biases[row] - np.median(toy().tower(tower), axis=0)) < 0.3
        assert np.array_equal(sae.of(tower).b_dec.detach().numpy(), biases[row])
        codes = sae.codes(toy(), tower)
        dense = codes.dense() @ sae.W_dec.detach().numpy() + biases[row]
        np.testing.assert_allclose(sae.reconstruct(codes, tower), dense, atol=1e-5)


def test_one_bias_serves_all_modalities():
    one = train(TrainConfig(PairedConfig("paired_topk", 40, 4, biases=1), steps=2, batch=50), toy(), PAIR).sae
    assert one.of("image").b_dec.equal(one.of("text").b_dec)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda sae: sae.of("audio"), "no modality 'audio' in this dictionary; known: image, text"),
        (lambda sae: sae.encode_tower(random_pairs()[:, 0], "audio"), "no modality 'audio'"),
        (lambda sae: sae.encode_tower(random_pairs(), "text"), r"input of shape \(6, 2, 5\); .* takes \(n, 5\)"),
    ],
)
def test_errors(call, message):
    with pytest.raises(CompanionError, match=message):
        call(random_paired("gsae"))


def test_a_row_without_its_modality_has_no_code():
    assert not hasattr(random_paired("gsae"), "encode")
