import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.encoders.embeddings import Embeddings
from lib.sae.base import Dictionary, one_tower
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig
from lib.sae.geometric_median import geometric_median
from lib.sae.recipes import build, recipes_of
from tests.sae.reference import dense_pre, random_paired, random_rows, random_sae, random_two_towers, toy

D, WIDTH = 16, 40


def sae_for(recipe: str, k: int = 4):
    sae = build(SAEConfig(recipe, WIDTH, k), D)
    sae.initialise(torch.from_numpy(toy().image), torch.Generator().manual_seed(0))
    if recipe == "batch_topk":
        sae.threshold.fill_(0.1)
    return sae.eval()


def test_start_is_unit_decoder_tied_encoder_and_median_bias():
    sae = sae_for("topk")
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(WIDTH))
    assert torch.equal(sae.W_enc, sae.W_dec.t())
    assert not sae.b_enc.any()
    torch.testing.assert_close(sae.b_dec.detach(), geometric_median(torch.from_numpy(toy().image)))


def test_seed_decides_the_start():
    first, second, other = (build(SAEConfig("topk", WIDTH), D) for _ in range(3))
    for sae, seed in ((first, 1), (second, 1), (other, 2)):
        sae.initialise(torch.zeros(1, D), torch.Generator().manual_seed(seed))
    assert torch.equal(first.W_dec, second.W_dec)
    assert not torch.equal(first.W_dec, other.W_dec)


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_codes_do_not_depend_on_the_batch(recipe):
    sae, embeddings = sae_for(recipe), toy(50)
    whole, parts = sae.codes(embeddings, batch=50), sae.codes(embeddings, batch=7)
    np.testing.assert_allclose(whole.dense(), parts.dense(), atol=1e-6)
    np.testing.assert_allclose(sae.reconstruct(whole, batch=50), sae.reconstruct(whole, batch=7), atol=1e-6)
    assert whole.ids is embeddings.ids
    assert (whole.values > 0).all()


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_data_set_and_tensor_interfaces_agree(recipe):
    sae, embeddings = sae_for(recipe), toy(50)
    rows = torch.from_numpy(embeddings.image)
    codes = sae.codes(embeddings)
    np.testing.assert_allclose(codes.dense(), sae.encode(rows).dense().detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(sae.reconstruct(codes), sae(rows).detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(
        sae.reconstruct(codes), codes.dense() @ sae.W_dec.detach().numpy() + sae.b_dec.detach().numpy(), atol=1e-5
    )


def test_towers_are_told_apart():
    sae, embeddings = sae_for("topk"), toy(20)
    assert not np.array_equal(sae.codes(embeddings).dense(), sae.codes(embeddings, "text").dense())
    alone = Embeddings(embeddings.ids, embeddings.text, None, "toy", False, {})
    np.testing.assert_array_equal(sae.codes(alone).dense(), sae.codes(embeddings, "text").dense())


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
@pytest.mark.parametrize("n", [0, 1])
def test_no_rows_and_one_row(recipe, n):
    sae = sae_for(recipe)
    codes = sae.codes(toy(n))
    assert len(codes) == n
    assert codes.width == WIDTH
    assert sae.reconstruct(codes).shape == (n, D)
    assert sae(torch.from_numpy(toy(n).image)).shape == (n, D)


def test_codes_without_an_active_latent_decode_to_the_bias():
    sae = sae_for("topk")
    empty = SparseCodes.from_matrix(np.array(["a", "b"]), np.zeros((2, WIDTH)))
    np.testing.assert_array_equal(sae.reconstruct(empty), sae.b_dec.detach().expand(2, D))


@pytest.mark.parametrize("recipe", recipes_of("one-tower"))
def test_rescaled_dictionary_does_the_same_on_rescaled_rows(recipe):
    sae, x = random_sae(recipe), random_rows()
    if recipe in ("batch_topk", "matryoshka"):
        sae.threshold.fill_(0.2)
    code, reconstruction = sae.encode(x).dense(), sae(x)
    sae.rescale(3.5)
    torch.testing.assert_close(sae.encode(3.5 * x).dense(), 3.5 * code)
    torch.testing.assert_close(sae(3.5 * x), 3.5 * reconstruction)


def test_bf16_product_is_near_the_exact_one():
    sae, x = sae_for("topk"), torch.from_numpy(toy().image)
    sae.bf16 = True
    with torch.no_grad():
        rounded = sae.pre_activations(x)
    assert rounded.dtype == torch.float32
    exact = dense_pre(sae, x).detach()
    assert not torch.equal(rounded, exact)
    assert (rounded - exact).abs().max() < 0.02 * exact.abs().max()


def test_tangent_gradient_is_orthogonal_to_its_row():
    sae, x = random_sae("relu"), random_rows()
    sae.loss(x, torch.zeros(0, dtype=torch.int64)).loss.backward()
    before = sae.W_dec.grad.clone()
    sae.before_step()
    rows = sae.W_dec.detach()
    torch.testing.assert_close((sae.W_dec.grad * rows).sum(dim=1), torch.zeros(sae.width).double())
    removed = before - sae.W_dec.grad
    torch.testing.assert_close(removed, (removed * rows).sum(dim=1, keepdim=True) * rows)


def test_step_ends_with_unit_rows():
    sae, x = random_sae("topk"), random_rows()
    out = sae.loss(x, torch.zeros(0, dtype=torch.int64))
    with torch.no_grad():
        sae.W_dec *= 3
    sae.after_step(out, 0, 10)
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(sae.width).double())


@pytest.mark.parametrize("shape", [(3, D + 1), (D,), (2, 3, D)])
def test_input_of_another_shape_is_refused(shape):
    with pytest.raises(CompanionError, match=r"input of shape \(.*\); this dictionary takes \(n, 16\)"):
        sae_for("topk").encode(torch.zeros(shape))


def test_embeddings_of_another_dimension_are_refused():
    with pytest.raises(CompanionError, match=r"input of shape \(5, 8\); this dictionary takes \(n, 16\)"):
        sae_for("topk").codes(toy(5, d=8))


def test_codes_of_another_width_are_refused():
    sae = sae_for("topk")
    codes = SparseCodes.from_matrix(np.array(["a"]), np.ones((1, WIDTH + 1)))
    with pytest.raises(CompanionError, match="codes of 41 latents for a dictionary of 40; encode with this one"):
        sae.reconstruct(codes)
    with pytest.raises(CompanionError, match="codes of 12 latents for a dictionary of 40"):
        sae.decode(random_sae("topk").encode(random_rows()))


@pytest.mark.parametrize("latent", [-1, WIDTH])
def test_codes_of_unknown_latents_are_refused(latent):
    with pytest.raises(CompanionError, match="codes name latents outside 0 to 39; make them with `encode`"):
        SparseCodes(np.array(["a"]), np.array([0, 1]), np.array([latent]), np.array([1.0]), WIDTH)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_refused(bad):
    matrix = toy(5).image.copy()
    matrix[3, 2] = bad
    with pytest.raises(CompanionError, match=r"embedding of .*3.* contains NaN or infinity"):
        sae_for("topk").codes(Embeddings(np.arange(5).astype(str), matrix, None, "toy", False, {}))


def test_another_kind_is_refused_by_name_where_one_tower_is_needed():
    sae = random_sae("topk")
    assert one_tower(sae, "steering") is sae
    with pytest.raises(CompanionError, match=r"steering needs a one-tower .* 'vl_sae' is two-tower; train one such"):
        one_tower(random_two_towers("vl_sae"), "steering")
    with pytest.raises(CompanionError, match=r"and 'gsae' is paired; use its `of\(modality\)`"):
        one_tower(random_paired("gsae"), "steering")


def test_a_kind_without_a_loss_is_no_dictionary():
    with pytest.raises(TypeError, match="abstract"):
        Dictionary(SAEConfig("topk", WIDTH), D)
