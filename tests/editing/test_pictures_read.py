"""Pictures read once: the same logits and means as from reading them again for every question, edited or not."""

from __future__ import annotations

import pytest
import torch

from lib.editing import concept_decoding as decoding
from lib.editing.concept_decoding import TowardsEdit
from lib.editing.pictures_read import PicturesRead, WordsRead
from lib.encoders.llava import Llava
from tests.editing.test_concept_decoding import IMAGES, tiny_llava

PROMPTS = ["is there a cat", "describe the picture", "is there scissors"]
OF = torch.tensor([1, 0, 1])


@pytest.fixture(scope="module")
def llm() -> Llava:
    return tiny_llava()


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("layer", [0, 1])
def test_as_from_reading_each_picture_for_each_question(llm: Llava, layer: int, each: bool) -> None:
    read = PicturesRead(llm, IMAGES)
    words, real = read.words(PROMPTS)
    assert not real.all()  # prompts of different lengths
    targets = torch.randn(int(real.sum()) if each else 3, 256, generator=torch.Generator().manual_seed(0))
    edit = TowardsEdit(targets, layer, 0.5, each)
    (inputs,) = llm.batches([IMAGES[i] for i in OF], PROMPTS)
    plain, _, edited = decoding.next_logits(llm, inputs, {"edit": edit})
    found = read.answers(OF, words, real)
    moved = read.edited({"edit": edit}, OF, real, found.behind)["edit"]
    torch.testing.assert_close(found.logits, plain, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(moved, edited["edit"], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(moved, plain)
    image, text = decoding.mean_representations(llm, [IMAGES[i] for i in OF], PROMPTS, layer)
    torch.testing.assert_close(read.image[layer][OF], image, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(decoding.mean_where(found.behind[layer], real), text, atol=1e-4, rtol=1e-4)
    assert torch.equal(read.answers(OF, words, real).logits, found.logits)  # what was read stays as it is


@pytest.mark.parametrize("each", [False, True])
def test_word_by_word_as_all_at_once(llm: Llava, each: bool) -> None:
    pictures = PicturesRead(llm, IMAGES)
    words, real = pictures.words(PROMPTS)
    more = torch.tensor([[17, 3], [5, 60], [9, 42]])
    read = WordsRead(pictures, OF, words, real)
    before = read.logits()
    other = read.copy()
    read.add(more[:, 0])
    still = torch.tensor([True, False, True])
    read.keep(still)
    read.add(more[still, 1])
    of, words = OF[still], torch.cat([words, more], dim=1)[still]
    real = torch.cat([real, torch.ones(3, 2, dtype=torch.bool)], dim=1)[still]
    whole = pictures.answers(of, words, real)
    assert torch.equal(other.logits(), before)
    other.add(torch.tensor([1, 2, 3]))  # goes on from the same words
    assert other.real.shape[1] == read.real.shape[1] - 1
    assert torch.equal(read.of, of) and torch.equal(read.real, real)
    torch.testing.assert_close(read.logits(), whole.logits, atol=1e-4, rtol=1e-4)
    for mine, theirs in zip(read.behind, whole.behind, strict=True):
        torch.testing.assert_close(mine[real], theirs[real], atol=1e-4, rtol=1e-3)
    target = torch.randn(int(real.sum()) if each else 2, 256, generator=torch.Generator().manual_seed(0))
    edit = TowardsEdit(target, 0, 0.5, each)
    slow = pictures.edited({"edit": edit}, of, real, whole.behind)["edit"]
    torch.testing.assert_close(read.edited(edit), slow, atol=1e-4, rtol=1e-4)


def test_pictures_in_noise(llm: Llava) -> None:
    (inputs,) = llm.batches(IMAGES, PROMPTS[:2])
    _, noisy, _ = decoding.next_logits(llm, inputs, {}, torch.Generator().manual_seed(3))
    read = PicturesRead(llm, IMAGES, noise=torch.Generator().manual_seed(3))
    found = read.answers(torch.arange(2), *read.words(PROMPTS[:2])).logits
    torch.testing.assert_close(found, noisy, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("layer", [0, 1])
def test_pictures_whose_tokens_are_shifted(llm: Llava, layer: int) -> None:
    shift = torch.randn(2, 256, generator=torch.Generator().manual_seed(0))
    (inputs,) = llm.batches(IMAGES, PROMPTS[:2])
    picture = inputs["input_ids"] == decoding.image_token(llm)

    def move(_block: object, _args: object, hidden: torch.Tensor) -> torch.Tensor:
        return torch.stack([row + shift[i] * picture[i, :, None] for i, row in enumerate(hidden)])

    handle = decoding.decoder_blocks(llm)[layer].register_forward_hook(move)
    slow = decoding.next_logits(llm, inputs, {})[0]
    handle.remove()
    read = PicturesRead(llm, IMAGES, shift=(layer, shift))
    found = read.answers(torch.arange(2), *read.words(PROMPTS[:2])).logits
    torch.testing.assert_close(found, slow, atol=1e-4, rtol=1e-4)
    plain = PicturesRead(llm, IMAGES).answers(torch.arange(2), *read.words(PROMPTS[:2])).logits
    assert torch.allclose(found, plain) == (layer == 1)  # nothing looks at the picture behind the last of two blocks


def test_an_edit_towards_a_target() -> None:
    edit = TowardsEdit(torch.tensor([[3.0, 5.0]]), layer=0, alpha=0.5)
    assert edit.shift(torch.zeros(1, 2), torch.tensor([[1.0, 1.0]]), torch.tensor([0])).tolist() == [[1.0, 2.0]]
