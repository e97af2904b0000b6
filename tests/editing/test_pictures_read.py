"""Pictures read once: the same logits and means as from reading them again for every question, edited or not."""

from __future__ import annotations

import pytest
import torch

from lib.editing import concept_decoding as decoding
from lib.editing.concept_decoding import TowardsEdit
from lib.editing.pictures_read import PicturesRead
from lib.encoders.llava import Llava
from tests.editing.test_concept_decoding import IMAGES, tiny_llava

PROMPTS = ["is there a cat", "describe the picture", "is there scissors"]
OF = torch.tensor([1, 0, 1])


@pytest.fixture(scope="module")
def llm() -> Llava:
    return tiny_llava()


@pytest.mark.parametrize("layer", [0, 1])
def test_as_from_reading_each_picture_for_each_question(llm: Llava, layer: int) -> None:
    edit = TowardsEdit(torch.randn(3, 256, generator=torch.Generator().manual_seed(0)), layer, 0.5)
    (inputs,) = llm.batches([IMAGES[i] for i in OF], PROMPTS)
    plain, _, edited = decoding.next_logits(llm, inputs, {"edit": edit})
    read = PicturesRead(llm, IMAGES)
    words, real = read.words(PROMPTS)
    assert not real.all()  # prompts of different lengths
    found, means = read.logits(OF, words, real)
    torch.testing.assert_close(found, plain, atol=1e-4, rtol=1e-4)
    moved, _ = read.logits(OF, words, real, edit)
    torch.testing.assert_close(moved, edited["edit"], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(moved, found)
    image, text = decoding.mean_representations(llm, [IMAGES[i] for i in OF], PROMPTS, layer)
    torch.testing.assert_close(read.image[layer][OF], image, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(means[layer], text, atol=1e-4, rtol=1e-4)
    assert torch.equal(read.logits(OF, words, real)[0], found)  # what was read stays as it is


def test_pictures_in_noise(llm: Llava) -> None:
    (inputs,) = llm.batches(IMAGES, PROMPTS[:2])
    _, noisy, _ = decoding.next_logits(llm, inputs, {}, torch.Generator().manual_seed(3))
    read = PicturesRead(llm, IMAGES, noise=torch.Generator().manual_seed(3))
    torch.testing.assert_close(read.logits(torch.arange(2), *read.words(PROMPTS[:2]))[0], noisy, atol=1e-4, rtol=1e-4)


def test_an_edit_towards_a_target() -> None:
    edit = TowardsEdit(torch.tensor([[3.0, 5.0]]), layer=0, alpha=0.5)
    assert edit.shift(torch.zeros(1, 2), torch.tensor([[1.0, 1.0]])).tolist() == [[1.0, 2.0]]
