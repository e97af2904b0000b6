"""dictionary_learning: its trainers make the dictionaries, and say their losses and gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lib.encoders.shim import ensure_torchvision
from tests.peers.instances import L1, RATE, STEPS, Answer, Instance, answer_all

ensure_torchvision()

from dictionary_learning.evaluation import evaluate  # noqa: E402
from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.jumprelu import JumpReluTrainer  # noqa: E402
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.standard import StandardTrainer  # noqa: E402
from dictionary_learning.trainers.top_k import TopKTrainer, geometric_median  # noqa: E402
from dictionary_learning.trainers.trainer import (  # noqa: E402
    remove_gradient_parallel_to_decoder_directions,
    set_decoder_norm_to_unit_norm,
)

BETA = 0.9
FRACTIONS = [1 / 16, 2 / 16, 4 / 16, 9 / 16]


def trained(kind: Any, instance: Instance, **settings: Any) -> Any:
    """A trainer of this kind after its first steps, its dictionary in the instance's precision."""
    trainer = kind(
        steps=2 * STEPS,
        activation_dim=instance.d,
        dict_size=instance.width,
        layer=0,
        lm_name="none",
        lr=RATE,
        warmup_steps=1,
        seed=instance.seed,
        device="cpu",
        **settings,
    )
    for step in range(STEPS):
        trainer.update(step, instance.data().float())
    trainer.ae.to(instance.kind)
    trainer.ae.zero_grad()
    return trainer


def weights(ae: Any) -> dict[str, Tensor]:
    """Its weights as ours are shaped; linear layers keep a decoder as (d, width)."""
    if hasattr(ae, "W_enc"):
        return {"encoder": ae.W_enc.T, "W_dec": ae.W_dec, "b_enc": ae.b_enc, "b_dec": ae.b_dec}
    b_dec = ae.b_dec if hasattr(ae, "b_dec") else ae.bias
    return {"encoder": ae.encoder.weight, "W_dec": ae.decoder.weight.T, "b_enc": ae.encoder.bias, "b_dec": b_dec}


def gradients(ae: Any) -> dict[str, Tensor]:
    """Of the weights, by the same names and shapes."""
    if hasattr(ae, "W_enc"):
        return {"encoder": ae.W_enc.grad.T, "W_dec": ae.W_dec.grad, "b_enc": ae.b_enc.grad, "b_dec": ae.b_dec.grad}
    b_dec = ae.b_dec.grad if hasattr(ae, "b_dec") else ae.bias.grad
    found = (ae.encoder.weight.grad, ae.decoder.weight.grad.T, ae.encoder.bias.grad, b_dec)
    return dict(zip(("encoder", "W_dec", "b_enc", "b_dec"), found, strict=True))


def common(trainer: Any, x: Tensor, codes: Tensor) -> Answer:
    """Weights, codes, reconstruction, loss and gradients."""
    ae = trainer.ae
    decoder = ae.W_dec.T if hasattr(ae, "W_enc") else ae.decoder.weight
    set_decoder_norm_to_unit_norm(decoder, *decoder.shape)
    answer = {"x": x, **{name: tensor.detach().clone() for name, tensor in weights(ae).items()}}
    loss = trainer.loss(x, step=0)
    loss.backward()
    found = gradients(ae)
    projected = remove_gradient_parallel_to_decoder_directions(decoder, found["W_dec"].T.clone(), *decoder.shape).T
    return {
        **answer,
        "theirs/codes": codes,
        "theirs/reconstruction": ae.decode(codes),
        "theirs/loss": loss,
        "theirs/projected gradient": projected,
        **{f"theirs/gradient of {name}": tensor for name, tensor in found.items()},
    }


def silent(trainer: Any) -> None:
    """Every latent that does not fire in the next batch is dead."""
    trainer.num_tokens_since_fired.fill_(trainer.dead_feature_threshold)


def dead(trainer: Any) -> Tensor:
    return trainer.num_tokens_since_fired >= trainer.dead_feature_threshold


def relu(instance: Instance) -> Answer:
    """The standard trainer, and the metrics of its evaluation."""
    trainer = trained(StandardTrainer, instance, l1_penalty=L1, sparsity_warmup_steps=None)
    x, ae = instance.data(), trainer.ae
    unnormalised = torch.randn_like(ae.decoder.weight)
    answer = {"unnormalised": unnormalised.T.clone(), **common(trainer, x, ae.encode(x))}
    normalised = set_decoder_norm_to_unit_norm(torch.nn.Parameter(unnormalised), instance.d, instance.width).T
    found = evaluate(ae, iter([x]))
    metrics = {
        "explained variance": "frac_variance_explained",
        "L0": "l0",
        "cosine": "cossim",
        "live share": "frac_alive",
    }
    return {
        **answer,
        "theirs/normalised decoder": normalised,
        "theirs/geometric median": geometric_median(x),
        **{f"theirs/{name}": torch.tensor(found[theirs], dtype=torch.float64) for name, theirs in metrics.items()},
    }


def topk(instance: Instance) -> Answer:
    """TopK with AuxK."""
    trainer = trained(TopKTrainer, instance, k=instance.k)
    x = instance.data()
    silent(trainer)
    return {**common(trainer, x, trainer.ae.encode(x)), "dead": dead(trainer)}


def batch_topk(instance: Instance, kind: Any = BatchTopKTrainer, **settings: Any) -> Answer:
    """BatchTopK with AuxK by our weight; codes in training and at inference, and the next threshold."""
    trainer = trained(
        kind, instance, k=instance.k, auxk_alpha=0.03, threshold_beta=BETA, threshold_start_step=1, **settings
    )
    x, ae = instance.data(), trainer.ae
    silent(trainer)
    codes = ae.encode(x, use_threshold=False)
    answer = {**common(trainer, x, codes), "dead": dead(trainer), "threshold": ae.threshold.clone()}
    answer["theirs/codes at inference"] = ae.encode(x)
    trainer.update_threshold(codes)
    return {**answer, "beta": torch.tensor(BETA), "theirs/next threshold": ae.threshold}


def matryoshka(instance: Instance) -> Answer:
    """Matryoshka with weight 1 for each prefix: the loss divides by their number itself."""
    return batch_topk(instance, MatryoshkaBatchTopKTrainer, group_fractions=FRACTIONS, group_weights=[1.0] * 4)


def jumprelu(instance: Instance) -> Answer:
    """JumpReLU with drawn thresholds; it has no pre-bias at the input, so ours carries that in the encoder's bias."""
    trainer = trained(JumpReluTrainer, instance, target_l0=float(instance.k), sparsity_warmup_steps=None)
    x, ae = instance.data(), trainer.ae
    ae.threshold.data.uniform_(0.001, 0.2)
    answer = common(trainer, x, ae.encode(x))
    for name in ("gradient of encoder", "gradient of b_dec"):
        del answer[f"theirs/{name}"]
    b_enc = answer["b_enc"] + answer["encoder"] @ answer["b_dec"]
    return {**answer, "b_enc": b_enc, "threshold": ae.threshold}


if __name__ == "__main__":
    recipes = {"relu": relu, "topk": topk, "batch_topk": batch_topk, "matryoshka": matryoshka, "jumprelu": jumprelu}
    answer_all(recipes)
