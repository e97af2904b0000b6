"""The masker's scores against loops, its gradients, its start, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lib.base.errors import CompanionError
from lib.base.files import digest
from lib.editing.edited_scores import edited_embeddings
from lib.editing.leaky import leaky_scores
from lib.editing.masker import EDITS, ImageSide, Masker, MaskerConfig, contrastive_loss, dimension_scores
from lib.editing.train_masker import masker_loss, train_masker
from tests.editing.toy import WIDTH, D, Toy, toy
from tests.sae.reference import random_paired, random_two_towers


def masker(edit: str = "latents", *, moved: float = 0.5, **changes: object) -> Masker:
    """A masker away from its start, so that captions differ in their masks."""
    config = MaskerConfig(edit, text_head=edit == "none", **changes)  # type: ignore[arg-type]
    made = Masker(config, D, WIDTH)
    generator = torch.Generator().manual_seed(1)
    made.initialise(torch.from_numpy(toy().pairs.tower("text")), generator)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim:
                parameter += moved * torch.randn(parameter.shape, generator=generator)
    return made.eval()


def decoded(t: Toy, mask: np.ndarray, i: int, rho: float) -> np.ndarray:
    """Picture i edited by one mask, from the dense code."""
    codes = t.sae.codes(t.pairs)
    kept = (mask * codes.dense()[i]) @ t.sae.W_dec.detach().numpy()
    return kept + rho * (t.pairs.tower("image")[i] - t.sae.reconstruct(codes)[i])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_every_pair_is_edited_by_its_own_caption(rho):
    t, made = toy(6), masker(rho=rho)
    images = ImageSide.of(t.sae, t.pairs, rho, dtype=torch.float64)
    texts = t.pairs.tower("text")
    scores, masks = made.scores(images, texts), made.read(texts)[1].numpy()
    for i in range(6):
        for j in range(6):
            assert scores[i, j] == pytest.approx(cosine(decoded(t, masks[j], i, rho), texts[j]), abs=1e-5)


def test_the_leaky_score_edits_once():
    t, made = toy(6), masker("leaky")
    images, texts = ImageSide.of(t.sae, t.pairs, dtype=torch.float64), t.pairs.tower("text")
    queries, masks = (part.double() for part in made.read(texts))
    leaky = made.training_scores(images, queries, masks)
    for i in range(6):
        own = decoded(t, masks[i].numpy(), i, 0)
        np.testing.assert_allclose(edited_embeddings(images.edited, masks)[i], own, atol=1e-5)
        for j in range(6):
            assert float(leaky[i, j]) == pytest.approx(cosine(own, texts[j]), abs=1e-5)
    honest = made.scores(images, texts)
    np.testing.assert_allclose(np.diag(honest), np.diag(leaky), atol=1e-9)
    assert np.abs(honest - leaky.numpy()).max() > 0.01
    torch.testing.assert_close(leaky, leaky_scores(images.edited, queries, masks))


def test_dimensions_query_constant_and_none_are_what_they_say():
    t = toy(6)
    images, texts = ImageSide.of(t.sae, t.pairs, dtype=torch.float64), t.pairs.tower("text")
    x = t.pairs.tower("image")
    made = {edit: masker(edit) for edit in EDITS}
    masks = {edit: made[edit].read(texts)[1].numpy() for edit in EDITS}
    tuned = made["none"].read(texts)[0].numpy()
    scores = {edit: made[edit].scores(images, texts) for edit in EDITS}
    assert masks["none"].shape == (6, 0) and masks["dimensions"].shape == (6, D)
    assert (masks["constant"] == masks["constant"][0]).all() and np.ptp(masks["constant"]) > 0
    for i in range(6):
        for j in range(6):
            assert scores["dimensions"][i, j] == pytest.approx(
                cosine(masks["dimensions"][j] * x[i], texts[j]), abs=1e-5
            )
            assert scores["none"][i, j] == pytest.approx(cosine(x[i], tuned[j]), abs=1e-5)
            product = decoded(t, masks["query"][j], i, 0) @ texts[j]
            assert scores["query"][i, j] == pytest.approx(float(product), abs=1e-5)


def test_training_starts_near_the_unedited_model():
    t = toy(40)
    images, texts = ImageSide.of(t.sae, t.pairs, dtype=torch.float64), t.pairs.tower("text")
    plain = t.pairs.tower("image") @ texts.T
    for edit in ("latents", "dimensions", "constant", "none"):
        fresh = Masker(MaskerConfig(edit, text_head=True), D, WIDTH)
        fresh.initialise(torch.from_numpy(texts), torch.Generator().manual_seed(0))
        np.testing.assert_allclose(fresh.scores(images, texts), plain, atol=0.06 if edit == "latents" else 0.05)


def test_the_loss_is_infonce_in_both_directions():
    scores = torch.randn(5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    terms = []
    for table in (scores.numpy(), scores.numpy().T):
        for i, row in enumerate(7.0 * table):
            terms.append(np.log(np.exp(row).sum()) - row[i])
    assert float(contrastive_loss(scores, torch.tensor(7.0))) == pytest.approx(np.mean(terms))
    scores.requires_grad_()
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(contrastive_loss, (scores, scale))


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("head", [False, True])
def test_gradients_of_every_edit(edit, head):
    """In float64, with respect to all parameters, residual and sparsity term included."""
    if edit == "none" and not head:
        pytest.skip("trains nothing")
    t = toy(4)
    made = Masker(MaskerConfig(edit, text_head=head, rho=0.5, sparsity=0.3), D, WIDTH).double()
    generator = torch.Generator().manual_seed(1)
    texts = torch.from_numpy(t.pairs.tower("text")).double()
    made.initialise(texts, generator)
    images = ImageSide.of(t.sae, t.pairs, 0.5, dtype=torch.float64)
    names = [name for name, _ in made.named_parameters()]
    start = [part.detach() + 0.1 * torch.randn(part.shape, generator=generator) for part in made.parameters()]

    def loss(*values: torch.Tensor) -> torch.Tensor:
        made_loss = torch.func.functional_call(
            _Loss(made), {f"masker.{name}": value for name, value in zip(names, values, strict=True)}, (images, texts)
        )
        return made_loss

    assert torch.autograd.gradcheck(loss, [part.requires_grad_() for part in start], fast_mode=True)


class _Loss(torch.nn.Module):
    def __init__(self, made: Masker) -> None:
        super().__init__()
        self.masker = made

    def forward(self, images: ImageSide, texts: torch.Tensor) -> torch.Tensor:
        return masker_loss(self.masker, images, texts)[0]


def test_dimension_scores_refuse_nothing_and_divide_by_no_zero():
    x, t = F.normalize(torch.randn(3, 5), dim=1), torch.randn(2, 5)
    assert (dimension_scores(x, t, torch.zeros(2, 5)) == 0).all()
    torch.testing.assert_close(dimension_scores(x, t, torch.ones(2, 5)), x @ F.normalize(t, dim=1).T)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edit": "latent"}, "unknown edit 'latent'; known: latents, constant, query"),
        ({"edit": "none"}, "edit 'none' without a text head trains nothing"),
        ({"rho": 1.5}, "rho is 1.5; it should be less than or equal to 1"),
        ({"sparsity": -1.0}, "sparsity is -1.0; it should be greater than or equal to 0"),
        ({"seed": -1}, "seed is -1; it should be greater than or equal to 0"),
        ({"steps": 0}, "steps is 0; it should be greater than or equal to 1"),
        ({"batch": 1}, "batch is 1; it should be greater than or equal to 2"),
        ({"lr": 0.0}, "lr is 0.0; it should be greater than 0"),
        ({"scale": 200.0}, "scale is 200.0; it should be less than or equal to 100"),
        ({"text_head": 1}, "text_head is 1; it should be a valid boolean"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(CompanionError) as error:
        MaskerConfig(**changes)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_settings_have_the_key_that_stored_maskers_have():
    key = "5f0aa02f85952bf1a48870da5203bd70e9bfd9f029dfd8a9236a344fb381ec8b"
    assert digest(MaskerConfig().plain()) == key
    with_ints = "cb4089a3d11f49c29dd1beb8f7371ad30ed2d4922d8ce0ec55a721ed70dadb92"
    assert digest(MaskerConfig("none", text_head=True, rho=1, scale=5).plain()) == with_ints


@pytest.mark.parametrize("sae", [random_two_towers("vl_sae", D, WIDTH), random_paired("gsae")], ids=["two", "paired"])
def test_a_dictionary_of_another_kind_is_refused(sae):
    with pytest.raises(CompanionError, match=r"a masker needs a one-tower dictionary, and '(vl_sae|gsae)' is "):
        ImageSide.of(sae, toy(4).pairs)
    with pytest.raises(CompanionError, match="a masker needs a one-tower dictionary"):
        train_masker(MaskerConfig(steps=1), sae, toy(4).pairs)


def test_own_edits_need_a_mask_an_image():
    t = toy(4)
    with pytest.raises(CompanionError, match=r"masks of shape \(3, 24\) for 4 images; give each image a row"):
        edited_embeddings(ImageSide.of(t.sae, t.pairs).edited, torch.ones(3, WIDTH))
