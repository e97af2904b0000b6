"""overcomplete: its dictionaries, trained by its `train_sae`, its loss, and its metrics."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from lib.encoders.shim import ensure_torchvision
from tests.peers.instances import L1, RATE, STEPS, Answer, Instance, answer_all

ensure_torchvision()

from overcomplete.metrics import cosine_hungarian_loss, dead_codes, l0_eps, r2_score  # noqa: E402
from overcomplete.sae import SAE, BatchTopKSAE, TopKSAE, train_sae  # noqa: E402
from overcomplete.sae.losses import mse_l1  # noqa: E402


def trained(model: Any, instance: Instance, penalty: float) -> Answer:
    """Weights, codes, reconstruction, loss and gradients of a dictionary after its first steps."""
    x, loss_of = instance.data(), partial(mse_l1, penalty=penalty)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    train_sae(model.train(), [x.float()], loss_of, optimiser, nb_epochs=STEPS, monitoring=0)
    model.to(instance.kind)
    optimiser.zero_grad()
    pre, codes, reconstruction = model(x)
    loss = loss_of(x, reconstruction, pre, codes, model.get_dictionary())
    loss.backward()
    layer, dictionary = model.encoder.final_block[0], model.dictionary
    return {
        "x": x,
        "encoder": layer.weight,
        "b_enc": layer.bias,
        "W_dec": dictionary.get_dictionary(),
        "b_dec": x.new_zeros(instance.d),
        "factor": torch.tensor(1 / instance.d, dtype=torch.float64),
        "theirs/codes": codes,
        "theirs/reconstruction": reconstruction,
        "theirs/loss": loss,
        "theirs/gradient of encoder": layer.weight.grad,
        "theirs/gradient of b_enc": layer.bias.grad,
        "theirs/gradient of W_dec": dictionary._weights.grad,
    }


def relu(instance: Instance) -> Answer:
    """Its plain SAE with `mse_l1`, whose penalty is of the sum over all rows; and its metrics."""
    model = SAE(instance.d, instance.width)
    answer = trained(model, instance, penalty=L1 / (instance.d * instance.rows))
    codes, x_hat = answer["theirs/codes"], answer["theirs/reconstruction"]
    to_one_mean = 0.5 - answer["x"].mean(dim=0)
    unnormalised, other = torch.randn(2, instance.width, instance.d, dtype=instance.kind)
    distance = cosine_hungarian_loss(answer["W_dec"].detach(), other)
    return {
        **answer,
        "unnormalised": unnormalised,
        "theirs/normalised decoder": model.dictionary.normalization(unnormalised),
        "theirs/R2": r2_score(answer["x"] + to_one_mean, x_hat + to_one_mean),
        "theirs/L0": l0_eps(codes, 0).sum(),
        "theirs/dead latents": dead_codes(codes),
        "other": other,
        "theirs/matched distance": torch.tensor(distance, dtype=torch.float64),
    }


def topk(instance: Instance) -> Answer:
    """TopK without an auxiliary loss: its own is of latents that were not chosen, dead or not."""
    return trained(TopKSAE(instance.d, instance.width, top_k=instance.k), instance, penalty=0.0)


def batch_topk(instance: Instance) -> Answer:
    """BatchTopK, whose `top_k` is of the whole batch; codes in training and at inference, and the next threshold."""
    model = BatchTopKSAE(instance.d, instance.width, top_k=instance.k * instance.rows)
    answer = trained(model, instance, penalty=0.0)
    given = threshold(model)
    model(instance.data())
    answer |= {"threshold": given, "beta": torch.tensor(model.threshold_momentum)}
    answer["theirs/next threshold"] = threshold(model)
    model.eval()
    return {**answer, "theirs/codes at inference": at(model, given, instance.data())}


def threshold(model: Any) -> Tensor:
    return model.running_threshold.detach().clone()


def at(model: Any, given: Tensor, x: Tensor) -> Tensor:
    """Codes at inference with a running threshold."""
    model.running_threshold = given
    return model.encode(x)[1]


if __name__ == "__main__":
    answer_all({"relu": relu, "topk": topk, "batch_topk": batch_topk})
