"""Concept-level decoding on a random LLaVA and a random Qwen2-VL: the shift by hand, the rules on made-up logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lib.base.errors import CompanionError
from lib.data.scenes.questions import describe, object_questions
from lib.data.scenes.scene_pairs import layout_of, picture_of
from lib.editing import concept_decoding as decoding
from lib.editing.concept_decoding import ConceptEdit
from lib.encoders.embeddings import Embeddings
from lib.encoders.llava import Llava, places
from lib.encoders.load_llm import load_llm
from lib.encoders.multimodal_llm import MultimodalLLM
from lib.encoders.training.scenes_llava import make_model, make_processor
from lib.metrics.fidelity import fvu
from lib.metrics.hallucination import pope
from lib.sae.config import TrainConfig, TwoTowerConfig
from lib.sae.models.auxiliary import AuxiliaryAE, train_auxiliary
from lib.sae.models.two_towers import TOWERS, TwoTowers
from lib.sae.models.vl_sae import VLSAE
from lib.sae.training.train import train_cached
from lib.sae.training.train_ahead import Run
from lib.sae.training.untrained import untrained
from tests.encoders import tiny_qwen2_vl
from tests.sae.reference import random_sae

PROMPTS = ["is there a cat", "describe the picture"]
IMAGES = [Image.fromarray(picture_of("test", 0, i)).resize(size) for i, size in enumerate([(64, 64), (48, 32)])]
"""Of two sizes: to a LLaVA both are 64 tokens, to the Qwen2-VL 16 and 6."""


def tiny_llava() -> Llava:
    processor = make_processor()
    model = make_model(processor.tokenizer, seed=0, layers=2).eval()
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if "vision_tower" not in name:
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return Llava("tiny", {}, model, processor)


@pytest.fixture(scope="module", params=["llava", "qwen2_vl"])
def llm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MultimodalLLM:
    if request.param == "llava":
        return tiny_llava()
    folder: Path = tmp_path_factory.mktemp("models") / "tiny"
    return load_llm(tiny_qwen2_vl.save(folder))


@pytest.fixture(scope="module")
def edit(llm: MultimodalLLM) -> ConceptEdit:
    d = llm.model.lm_head.in_features
    generator = torch.Generator().manual_seed(1)
    auxiliary, sae = AuxiliaryAE(d), VLSAE(TwoTowerConfig("vl_sae", 64, 8), d)
    with torch.no_grad():
        for parameter in (*auxiliary.parameters(), *sae.parameters()):
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return ConceptEdit(auxiliary.eval(), sae.eval(), layer=0)


def inputs_of(llm: MultimodalLLM):
    (inputs,) = llm.batches(IMAGES, PROMPTS)
    return inputs


def test_picture_and_words(llm: MultimodalLLM) -> None:
    inputs = inputs_of(llm)
    picture, words = decoding.after_image(inputs["input_ids"], inputs["attention_mask"], decoding.image_token(llm))
    rows = [llm.tokenizer.decode(row[where]) for row, where in zip(inputs["input_ids"], words, strict=True)]
    if isinstance(llm, Llava):
        assert picture.sum(dim=1).tolist() == [64, 64]
        assert rows == [f"{prompt} ASSISTANT:" for prompt in PROMPTS]
    else:
        assert picture.sum(dim=1).tolist() == [16, 6]
        assert rows == [f"<|vision_end|>{prompt}<|im_end|>\n<|im_start|>assistant\n" for prompt in PROMPTS]
    with pytest.raises(CompanionError, match="without a picture"):
        decoding.after_image(torch.ones(1, 3, dtype=torch.int64), torch.ones(1, 3), 4)


def test_representations_are_means_of_hidden_states(llm: MultimodalLLM) -> None:
    image, text = decoding.mean_representations(llm, IMAGES, PROMPTS, 0)
    for i, prompt in enumerate(PROMPTS):
        (alone,) = llm.batches(IMAGES[i : i + 1], [prompt])
        with torch.no_grad():
            hidden = llm.model(**alone, output_hidden_states=True).hidden_states[1][0]
        first, last = (alone["input_ids"][0] == decoding.image_token(llm)).nonzero()[[0, -1], 0].tolist()
        torch.testing.assert_close(image[i], hidden[first : last + 1].mean(dim=0), atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(text[i], hidden[last + 1 :].mean(dim=0), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("mixing", ["additive", "convex"])
def test_the_shift_by_the_formula(edit: ConceptEdit, mixing: str) -> None:
    edit = ConceptEdit(edit.auxiliary, edit.sae, 0, mixing)  # type: ignore[arg-type]
    d = edit.sae.W_dec.shape[-1]
    x_v, x_l = torch.randn(1, d, generator=torch.Generator().manual_seed(2)), torch.ones(1, d)
    with torch.no_grad():
        h_v = edit.sae.encode_tower(edit.auxiliary.encode(x_v, "image"), "image").dense()
        h_l = edit.sae.encode_tower(edit.auxiliary.encode(x_l, "text"), "text").dense()
        h = h_l + 0.9 * h_v if mixing == "additive" else 0.1 * h_l + 0.9 * h_v
        back = edit.auxiliary.decode(h @ edit.sae.W_dec[1] + edit.sae.b_dec[1], "text")
    torch.testing.assert_close(edit.shift(x_v, x_l, torch.tensor([0])), 0.7 * (back - x_l))


def shifted_slowly(llm: MultimodalLLM, edit: ConceptEdit, inputs) -> torch.Tensor:
    """Logits of a whole forward pass with the words moved by a hook, one row and one word after the other."""
    picture, words = decoding.after_image(inputs["input_ids"], inputs["attention_mask"], decoding.image_token(llm))

    def move(_block, _args, hidden: torch.Tensor) -> torch.Tensor:
        hidden = hidden.clone()
        for row, of, at in zip(hidden, picture, words, strict=True):
            image, all_words = row[of].mean(dim=0, keepdim=True), row[at].mean(dim=0, keepdim=True)
            for place in at.nonzero()[:, 0].tolist():
                row[place] += edit.shift(image, row[place, None] if edit.each else all_words, torch.tensor([0]))[0]
        return hidden

    handle = decoding.decoder_blocks(llm)[edit.layer].register_forward_hook(move)
    around = {"position_ids": places(inputs["attention_mask"])} if isinstance(llm, Llava) else {}
    with torch.no_grad():
        logits = llm.model(**inputs, **around).logits[:, -1]
    handle.remove()
    return logits.double()


def test_an_edit_takes_a_dictionary_of_two_towers(edit: ConceptEdit) -> None:
    with pytest.raises(CompanionError, match="needs a two-tower dictionary, and 'topk' is one-tower"):
        ConceptEdit(edit.auxiliary, random_sae("topk"), 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("layer", [0, 1])
def test_the_rest_of_the_model_gives_what_the_whole_does(
    llm: MultimodalLLM, edit: ConceptEdit, layer: int, each: bool
) -> None:
    inputs, edit = inputs_of(llm), ConceptEdit(edit.auxiliary, edit.sae, layer, each=each)
    plain, noisy, concept = decoding.next_logits(llm, inputs, {"moved": edit})
    torch.testing.assert_close(concept["moved"], shifted_slowly(llm, edit, inputs), atol=1e-4, rtol=1e-4)
    assert noisy is None and not torch.allclose(concept["moved"], plain)
    assert torch.equal(decoding.next_logits(llm, inputs, {})[0], plain)  # the hooks are gone


def test_next_logits(llm: MultimodalLLM, edit: ConceptEdit) -> None:
    inputs = inputs_of(llm)
    still = ConceptEdit(edit.auxiliary, edit.sae, 0, alpha=0.0)
    found = decoding.next_logits(llm, inputs, {"still": still, "moved": edit}, torch.Generator().manual_seed(0))
    plain, noisy, concept = found
    assert noisy is not None
    torch.testing.assert_close(concept["still"], plain, atol=1e-5, rtol=1e-5)  # the shift is zero, up to rounding
    assert not torch.allclose(concept["moved"], plain) and not torch.allclose(noisy, plain)
    yes, no = (plain[:, llm.first_tokens(word)].exp().sum(dim=1) for word in ("yes", "no"))
    chance = torch.from_numpy(llm.yes_probability(IMAGES, PROMPTS))
    torch.testing.assert_close(yes / (yes + no), chance, atol=1e-4, rtol=0)


def test_word_by_word_without_an_edit_it_says_what_generate_does(llm: MultimodalLLM) -> None:
    state = dict(inputs_of(llm))
    start = state["input_ids"].shape[1]
    for _ in range(4):
        token = decoding.decoding_rules(*decoding.next_logits(llm, state, {}))["greedy"].argmax(dim=1, keepdim=True)
        state["input_ids"] = torch.cat([state["input_ids"], token], dim=1)
        state["attention_mask"] = torch.cat([state["attention_mask"], torch.ones_like(token)], dim=1)
    assert llm.tokenizer.eos_token_id not in state["input_ids"][:, start:]
    said = llm.tokenizer.batch_decode(state["input_ids"][:, start:], skip_special_tokens=True)
    assert [text.strip() for text in said] == llm.generate(IMAGES, PROMPTS, 4)


def test_a_cut_at_0_8_keeps_a_second_token_only_near_a_tie() -> None:
    for p in (0.44, 0.46, 0.5, 0.55, 0.56):
        logits = torch.tensor([p, 1 - p], dtype=torch.float64).log()
        assert int(decoding.plausible_tokens(logits, 0.8).sum()) == (2 if min(p, 1 - p) >= 0.8 * max(p, 1 - p) else 1)


def test_rules() -> None:
    plain = torch.tensor([[2.0, 1.9, -3.0]], dtype=torch.float64)
    noisy = torch.tensor([[3.0, 0.0, 0.0]], dtype=torch.float64)
    found = decoding.decoding_rules(plain, noisy, {"concepts, additive": plain + torch.tensor([[-1.0, 1.0, 9.0]])})
    assert all(torch.allclose(p.sum(dim=1), torch.ones(1, dtype=torch.float64)) for p in found.values())
    assert found["greedy"].tolist() == [[1.0, 0.0, 0.0]]
    assert found["cut only"][0, 2] == 0 and found["cut only"][0, 1] > 0
    torch.testing.assert_close(found["regular"], plain.softmax(1))
    assert found["concepts, additive"][0, 2] == 0 < found["concepts, additive, no cut"][0, 2]
    assert found["contrast with noise"].argmax() == 1 and "contrast with noise" not in decoding.decoding_rules(
        plain, None, {}
    )
    torch.testing.assert_close(decoding.interpolate_logits(plain, noisy, 0.6), 0.4 * plain + 0.6 * noisy)


def test_errors(llm: MultimodalLLM, edit: ConceptEdit, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CompanionError, match="unknown mixing 'half'"):
        ConceptEdit(edit.auxiliary, edit.sae, 0, "half")  # type: ignore[arg-type]
    with pytest.raises(CompanionError, match="no layer 2: this language model has 2 blocks"):
        decoding.mean_representations(llm, IMAGES, PROMPTS, 2)
    with pytest.raises(CompanionError, match="a plausibility cut at 0"):
        decoding.plausible_tokens(torch.zeros(2), 0)
    kinds = ["full_attention", "sliding_attention"]
    monkeypatch.setattr(llm.model.config.text_config, "layer_types", kinds, raising=False)
    with pytest.raises(CompanionError, match="tiny: blocks from 0 on differ in attention; edit a later block"):
        decoding.finish(llm, 0, torch.zeros(1, 2, 1), {})


def test_the_whole_way_of_the_paper(llm: MultimodalLLM) -> None:
    """Collect representations, train both autoencoders, and decode questions, on a random model of the true class."""
    scenes = range(12)
    images = [Image.fromarray(picture_of("test", 0, row)) for row in scenes]
    texts = [describe(layout_of("test", 0, row)).answer for row in scenes]
    image, text = decoding.mean_representations(llm, images, texts, 0)
    rows = Embeddings(np.array(texts), image.numpy(), text.numpy(), "tiny", False, {"model": llm.kind})
    auxiliary = train_auxiliary(rows, steps=30, batch=8)
    config = TrainConfig(TwoTowerConfig("vl_sae", 32, 4), steps=100, batch=8, lr=1e-3, dead_after=100, seed=0)
    run = Run(config, auxiliary.common(rows), TOWERS)
    trained, start = train_cached(*run).sae, untrained(*run)
    assert isinstance(trained, TwoTowers) and isinstance(start, TwoTowers)
    left = [
        fvu(run.embeddings.tower("text"), sae.reconstruct(sae.codes(run.embeddings, "text"), "text"))
        for sae in (start, trained)
    ]
    assert left[1] < left[0]
    edits = {
        f"{mixing}{', each' * each}": ConceptEdit(auxiliary, trained, 0, mixing, each)  # type: ignore[arg-type]
        for mixing in ("additive", "convex")
        for each in (False, True)
    }
    questions = [question for row in scenes for question in object_questions("test", 0, row, "random")[:1]]
    (inputs,) = llm.batches(images, [question.prompt for question in questions])
    plain, noisy, edited = decoding.next_logits(llm, inputs, edits, torch.Generator().manual_seed(0))
    rules = decoding.decoding_rules(plain, noisy, edited)
    assert set(rules) > {"regular", "greedy", "cut only", "contrast with noise", *edits}
    different = [*edited.values(), plain]
    assert not any(torch.allclose(a, b) for n, a in enumerate(different) for b in different[:n])
    yes, no = (rules["regular"][:, llm.first_tokens(word)].sum(dim=1) for word in ("yes", "no"))
    asked = llm.yes_probability(images, [question.prompt for question in questions])
    assert (yes / (yes + no)).numpy() == pytest.approx(asked, abs=1e-4)
    truth = np.array([row % 2 == 0 for row in scenes])
    for chances in rules.values():
        said = chances[:, llm.first_tokens("yes")].sum(dim=1).numpy().clip(0, 1)
        assert pope(said, truth).accuracy == pytest.approx(np.where(truth, said, 1 - said).mean())
