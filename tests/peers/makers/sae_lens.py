"""SAELens: its training dictionaries, their losses, and the JumpReLU dictionary as which it saves BatchTopK."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lib.encoders.shim import ensure_torchvision
from tests.peers.instances import L1, RATE, STEPS, Answer, Instance, answer_all

ensure_torchvision()

from sae_lens import (  # noqa: E402
    BatchTopKTrainingSAE,
    BatchTopKTrainingSAEConfig,
    JumpReLUSAE,
    JumpReLUSAEConfig,
    MatryoshkaBatchTopKTrainingSAE,
    MatryoshkaBatchTopKTrainingSAEConfig,
    StandardTrainingSAE,
    StandardTrainingSAEConfig,
    TopKTrainingSAE,
    TopKTrainingSAEConfig,
)
from sae_lens.saes.sae import TrainStepInput  # noqa: E402


def common(instance: Instance) -> dict[str, Any]:
    """The settings that all of them share."""
    return {"d_in": instance.d, "d_sae": instance.width, "dtype": instance.dtype, "device": "cpu"}


def step(sae: Any, x: Tensor) -> Any:
    """Its forward pass in training, without dead latents."""
    return sae.training_forward_pass(TrainStepInput(x, {"l1": L1}, None, 0, False))


def trained(sae: Any, instance: Instance) -> Any:
    """The dictionary after its first steps."""
    optimiser = torch.optim.Adam(sae.parameters(), lr=RATE)
    for _ in range(STEPS):
        optimiser.zero_grad()
        step(sae, instance.data()).loss.backward()
        optimiser.step()
    optimiser.zero_grad()
    return sae


def given(sae: Any, x: Tensor) -> Answer:
    """The data and the weights that every dictionary of theirs has."""
    return {"x": x, "encoder": sae.W_enc.T, "W_dec": sae.W_dec, "b_enc": sae.b_enc, "b_dec": sae.b_dec}


def answered(sae: Any, instance: Instance) -> Answer:
    """Weights, codes, reconstruction, loss and gradients."""
    x = instance.data()
    out = step(sae, x)
    out.loss.backward()
    return {
        **given(sae, x),
        "theirs/codes": out.feature_acts,
        "theirs/reconstruction": out.sae_out,
        "theirs/loss": out.loss,
        "theirs/gradient of encoder": sae.W_enc.grad.T,
        "theirs/gradient of W_dec": sae.W_dec.grad,
        "theirs/gradient of b_enc": sae.b_enc.grad,
        "theirs/gradient of b_dec": sae.b_dec.grad,
    }


def relu(instance: Instance) -> Answer:
    """The standard dictionary with decoder norms folded, which its L1 term weighs by.

    The gradient to those norms lies along the decoder rows; without that part it is ours.
    """
    sae = trained(StandardTrainingSAE(StandardTrainingSAEConfig(l1_coefficient=L1, **common(instance))), instance)
    unnormalised = sae.W_dec.detach().clone()
    sae.fold_W_dec_norm()
    answer = answered(sae, instance)
    gradient = answer.pop("theirs/gradient of W_dec")
    projected = gradient - (gradient * sae.W_dec).sum(dim=1, keepdim=True) * sae.W_dec
    answer |= {"unnormalised": unnormalised, "theirs/normalised decoder": answer["W_dec"]}
    return {**answer, "theirs/projected gradient": projected}


def topk(instance: Instance) -> Answer:
    """TopK, decoder norms left alone."""
    config = TopKTrainingSAEConfig(k=instance.k, rescale_acts_by_decoder_norm=False, **common(instance))
    return answered(trained(TopKTrainingSAE(config), instance), instance)


def batch_topk(instance: Instance, kind: Any = BatchTopKTrainingSAE, config: Any = None) -> Answer:
    """BatchTopK; codes in training and, as the JumpReLU dictionary that it is saved as, at inference."""
    settings = {"k": float(instance.k), "rescale_acts_by_decoder_norm": False, **common(instance)}
    sae = trained(kind(config(settings) if config else BatchTopKTrainingSAEConfig(**settings)), instance)
    given = sae.topk_threshold.clone()
    answer = answered(sae, instance)
    answer |= {"threshold": given, "beta": torch.tensor(1 - sae.cfg.topk_threshold_lr, dtype=torch.float64)}
    inference = JumpReLUSAE(JumpReLUSAEConfig(**common(instance)))
    saved = {**sae.state_dict(), "topk_threshold": given}
    sae.process_state_dict_for_saving_inference(saved)
    inference.load_state_dict(saved)
    return {
        **answer,
        "theirs/next threshold": sae.topk_threshold,
        "theirs/codes at inference": inference.encode(answer["x"]),
    }


def matryoshka(instance: Instance) -> Answer:
    """Matryoshka, whose loss is the sum over the prefixes."""
    widths = [instance.width * part // 16 for part in (1, 3, 7, 16)]

    def config(settings: dict[str, Any]) -> MatryoshkaBatchTopKTrainingSAEConfig:
        return MatryoshkaBatchTopKTrainingSAEConfig(matryoshka_widths=widths, **settings)

    answer = batch_topk(instance, MatryoshkaBatchTopKTrainingSAE, config)
    return {**answer, "factor": torch.tensor(float(len(widths)))}


def jumprelu(instance: Instance) -> Answer:
    """The inference dictionary, with the initial weights and drawn biases and thresholds."""
    sae = JumpReLUSAE(JumpReLUSAEConfig(**common(instance)))
    for drawn in (sae.b_enc, sae.b_dec, sae.threshold):
        drawn.data.uniform_(0.0, 0.1)
    x = instance.data()
    return {
        **given(sae, x),
        "threshold": sae.threshold,
        "theirs/codes": sae.encode(x),
        "theirs/reconstruction": sae(x),
    }


if __name__ == "__main__":
    recipes = {"relu": relu, "topk": topk, "batch_topk": batch_topk, "matryoshka": matryoshka, "jumprelu": jumprelu}
    answer_all(recipes)
