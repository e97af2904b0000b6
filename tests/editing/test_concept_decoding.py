"""Concept-level decoding on a LLaVA with random weights: the shift by hand, the rules on made-up logits."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from lib.data.errors import CompanionError
from lib.data.scenes.world import picture_of
from lib.editing import concept_decoding as decoding
from lib.editing.concept_decoding import ConceptEdit
from lib.encoders.llava import Llava, places
from lib.encoders.training.scenes_llava import make_model, make_processor
from lib.sae.auxiliary import AuxiliaryAE
from lib.sae.config import SAEConfig
from lib.sae.vl_sae import VLSAE

D = 256


@pytest.fixture(scope="module")
def llava() -> Llava:
    processor = make_processor()
    model = make_model(processor.tokenizer, seed=0, layers=2).eval()
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if "vision_tower" not in name:
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return Llava("tiny", {}, model, processor)


@pytest.fixture(scope="module")
def edit() -> ConceptEdit:
    generator = torch.Generator().manual_seed(1)
    auxiliary, sae = AuxiliaryAE(D), VLSAE(SAEConfig("vl_sae", 64, 8), 2 * D)
    with torch.no_grad():
        for parameter in (*auxiliary.parameters(), *sae.parameters()):
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return ConceptEdit(auxiliary.eval(), sae.eval(), layer=0)


def inputs_of(llava: Llava, prompts: list[str]):
    (inputs,) = llava.batches([Image.fromarray(picture_of("test", 0, i)) for i in range(len(prompts))], prompts)
    return inputs


PROMPTS = ["is there a cat", "describe the picture"]


def test_picture_and_words(llava: Llava) -> None:
    inputs = inputs_of(llava, PROMPTS)
    picture, words = decoding.after_image(inputs["input_ids"], inputs["attention_mask"], decoding.image_token(llava))
    assert picture.sum(dim=1).tolist() == [64, 64]
    names = [
        llava.tokenizer.convert_ids_to_tokens(row[where]) for row, where in zip(inputs["input_ids"], words, strict=True)
    ]
    assert names == [[*prompt.split(), "ASSISTANT:"] for prompt in PROMPTS]
    with pytest.raises(CompanionError, match="without a picture"):
        decoding.after_image(torch.ones(1, 3, dtype=torch.int64), torch.ones(1, 3), 4)


def test_representations_are_means_of_hidden_states(llava: Llava) -> None:
    images = [Image.fromarray(picture_of("test", 0, i)) for i in range(2)]
    image, text = decoding.representations(llava, images, PROMPTS, 0)
    for i, prompt in enumerate(PROMPTS):
        (alone,) = llava.batches(images[i : i + 1], [prompt])
        with torch.no_grad():
            hidden = llava.model(**alone, output_hidden_states=True).hidden_states[1][0]
        torch.testing.assert_close(image[i], hidden[1:65].mean(dim=0), atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(text[i], hidden[65:].mean(dim=0), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("mixing", ["additive", "convex"])
def test_the_shift_by_the_formula(edit: ConceptEdit, mixing: str) -> None:
    edit = ConceptEdit(edit.auxiliary, edit.sae, 0, mixing)  # type: ignore[arg-type]
    x_v, x_l = torch.randn(3, D, generator=torch.Generator().manual_seed(2)).split([1, 2])[0], torch.ones(1, D)
    with torch.no_grad():
        h_v = edit.sae.encode_tower(edit.auxiliary.encode(x_v, "image"), "image").dense()
        h_l = edit.sae.encode_tower(edit.auxiliary.encode(x_l, "text"), "text").dense()
        h = h_l + 0.9 * h_v if mixing == "additive" else 0.1 * h_l + 0.9 * h_v
        back = edit.auxiliary.decode(h @ edit.sae.W_dec[1] + edit.sae.b_dec[1], "text")
    torch.testing.assert_close(edit.shift(x_v, x_l), 0.7 * (back - x_l))


def shifted_slowly(llava: Llava, edit: ConceptEdit, inputs) -> torch.Tensor:
    """Logits of a whole forward pass with the words moved by a hook."""
    picture, words = decoding.after_image(inputs["input_ids"], inputs["attention_mask"], decoding.image_token(llava))

    def move(_block, _args, hidden: torch.Tensor) -> torch.Tensor:
        delta = edit.shift(decoding.mean_where(hidden, picture), decoding.mean_where(hidden, words))
        return hidden + delta[:, None] * words[..., None]

    handle = decoding.decoder_blocks(llava)[edit.layer].register_forward_hook(move)
    with torch.no_grad():
        logits = llava.model(**inputs, position_ids=places(inputs["attention_mask"])).logits[:, -1]
    handle.remove()
    return logits.double()


@pytest.mark.parametrize("layer", [0, 1])
def test_the_rest_of_the_model_gives_what_the_whole_does(llava: Llava, edit: ConceptEdit, layer: int) -> None:
    inputs, edit = inputs_of(llava, PROMPTS), ConceptEdit(edit.auxiliary, edit.sae, layer)
    plain, noisy, concept = decoding.next_logits(llava, inputs, {"moved": edit})
    torch.testing.assert_close(concept["moved"], shifted_slowly(llava, edit, inputs), atol=1e-4, rtol=1e-4)
    assert noisy is None and not torch.allclose(concept["moved"], plain)
    assert torch.equal(decoding.next_logits(llava, inputs, {})[0], plain)  # the hooks are gone


def test_next_logits(llava: Llava, edit: ConceptEdit) -> None:
    inputs = inputs_of(llava, PROMPTS)
    still = ConceptEdit(edit.auxiliary, edit.sae, 0, alpha=0.0)
    found = decoding.next_logits(llava, inputs, {"still": still, "moved": edit}, torch.Generator().manual_seed(0))
    plain, noisy, concept = found
    assert noisy is not None
    torch.testing.assert_close(concept["still"], plain)
    assert not torch.allclose(concept["moved"], plain) and not torch.allclose(noisy, plain)
    yes, no = llava.tokenizer.convert_tokens_to_ids(["yes", "no"])
    chance = (plain[:, yes] - plain[:, no]).sigmoid()
    images = [Image.fromarray(picture_of("test", 0, i)) for i in range(2)]
    torch.testing.assert_close(chance, torch.from_numpy(llava.yes_probability(images, PROMPTS)), atol=1e-4, rtol=0)


def test_a_cut_at_0_8_keeps_a_second_token_only_near_a_tie() -> None:
    for p in (0.44, 0.46, 0.5, 0.55, 0.56):
        logits = torch.tensor([p, 1 - p], dtype=torch.float64).log()
        assert int(decoding.plausible(logits, 0.8).sum()) == (2 if min(p, 1 - p) >= 0.8 * max(p, 1 - p) else 1)


def test_rules() -> None:
    plain = torch.tensor([[2.0, 1.9, -3.0]], dtype=torch.float64)
    noisy = torch.tensor([[3.0, 0.0, 0.0]], dtype=torch.float64)
    found = decoding.rules(plain, noisy, {"additive": plain + torch.tensor([[-1.0, 1.0, 9.0]])})
    assert all(torch.allclose(p.sum(dim=1), torch.ones(1, dtype=torch.float64)) for p in found.values())
    assert found["greedy"].tolist() == [[1.0, 0.0, 0.0]]
    assert found["cut only"][0, 2] == 0 and found["cut only"][0, 1] > 0
    torch.testing.assert_close(found["regular"], plain.softmax(1))
    assert found["concepts, additive"][0, 2] == 0 < found["concepts, additive, no cut"][0, 2]
    assert found["contrast with noise"].argmax() == 1 and "contrast with noise" not in decoding.rules(plain, None, {})
    torch.testing.assert_close(decoding.interpolated(plain, noisy, 0.6), 0.4 * plain + 0.6 * noisy)


def test_errors(llava: Llava, edit: ConceptEdit) -> None:
    with pytest.raises(CompanionError, match="unknown mixing 'half'"):
        ConceptEdit(edit.auxiliary, edit.sae, 0, "half")  # type: ignore[arg-type]
    with pytest.raises(CompanionError, match="no layer 2: this language model has 2 blocks"):
        decoding.representations(llava, [Image.fromarray(picture_of("test", 0, 0))], ["describe the picture"], 2)
    with pytest.raises(CompanionError, match="a plausibility cut at 0"):
        decoding.plausible(torch.zeros(2), 0)
