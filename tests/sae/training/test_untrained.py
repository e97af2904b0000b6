import pytest
import torch

from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.geometric_median import geometric_median
from lib.sae.training.untrained import untrained
from tests.sae.reference import toy


@pytest.mark.parametrize("recipe", ["topk", "batch_topk", "jumprelu", "matryoshka"])
@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_l0_is_k(recipe, scale):
    embeddings = toy(scale=scale)
    codes = untrained(TrainConfig(SAEConfig(recipe, 64, k=5)), embeddings).codes(embeddings)
    assert len(codes.values) / len(codes) == pytest.approx(5, rel=0.01)


def test_the_threshold_is_the_largest_pre_activation_that_is_not_active():
    embeddings = toy()
    sae = untrained(TrainConfig(SAEConfig("batch_topk", 64, k=5)), embeddings)
    pre = sae.pre_activations(torch.from_numpy(embeddings.image)).detach().flatten().sort(descending=True).values
    assert float(sae.threshold) == pytest.approx(float(pre[5 * len(embeddings)]), rel=1e-6)
    assert float(sae.threshold) != pytest.approx(float(pre[5 * len(embeddings) - 1]), rel=1e-6)


def test_it_is_what_training_starts_from():
    embeddings = toy(scale=20.0)
    sae = untrained(TrainConfig(SAEConfig("topk", 64)), embeddings)
    assert torch.equal(sae.W_enc, sae.W_dec.t())
    median = geometric_median(torch.from_numpy(embeddings.image), 1000, 1e-9)
    torch.testing.assert_close(sae.b_dec.detach(), median, atol=0.01, rtol=0)


def test_seeds_differ():
    first, second = (untrained(TrainConfig(SAEConfig("topk", 64), seed=seed), toy()) for seed in (0, 1))
    assert not torch.equal(first.W_dec, second.W_dec)


def test_k_of_the_whole_width_keeps_all_that_is_positive():
    sae = untrained(TrainConfig(SAEConfig("batch_topk", 8, k=8)), toy())
    assert sae.threshold == 0
