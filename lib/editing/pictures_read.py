"""Pictures that a LLaVA reads only once, so that a question, or a word of an answer, costs no more than its words.

Words come after the picture, and a language model only looks back, so its states of the picture are the same for every
question. Their keys and values are kept, and so is the mean picture token after every block, which edits of the words
need. `lib.editing.concept_decoding.next_logits` computes the same for any multimodal LLM, but reads the picture every
time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lib.editing.concept_decoding import Edit, add_noise, decoder_blocks, image_token, mean_where
from lib.encoders.llava import Llava


class PicturesRead:
    """Pictures that a LLaVA has read."""

    image: list[Tensor]
    """Mean picture token at the output of every block, (pictures, d) each."""

    @torch.inference_mode()
    def __init__(self, llm: Llava, images: list[Any], noise: torch.Generator | None = None) -> None:
        """Read PIL images. noise: draws the noise that is added to them first, see `add_noise`."""
        self.llm = llm
        means: list[tuple[Tensor, ...]] = []
        kept: list[list[tuple[Tensor, Tensor]]] = []
        for inputs in llm.batches(images, ["picture"] * len(images)):
            pixels, tokens = inputs["pixel_values"], inputs["input_ids"]
            if noise is not None:
                pixels = add_noise(pixels, llm.noise_for(pixels, noise))
            tokens = tokens[:, : 1 + int((tokens[0] == image_token(llm)).nonzero()[-1])]  # all begin in the same way
            with _outputs(llm) as outputs:
                read = llm.model.model(input_ids=tokens, pixel_values=pixels, use_cache=True)
            means.append(tuple(mean_where(rows, tokens == image_token(llm)) for rows in outputs))
            kept.append([(layer.keys, layer.values) for layer in read.past_key_values.layers])
        self.image = [torch.cat(parts) for parts in zip(*means, strict=True)]
        self._kept = [
            tuple(torch.cat(parts) for parts in zip(*layer, strict=True)) for layer in zip(*kept, strict=True)
        ]

    def words(self, prompts: list[str]) -> tuple[Tensor, Tensor]:
        """Return the tokens after the picture, int64 (n, words), padded on the left, and which are real, bool."""
        asked = self.llm.tokenizer([f"{prompt} ASSISTANT:" for prompt in prompts], padding=True, return_tensors="pt")
        return asked["input_ids"], asked["attention_mask"].bool()

    @torch.inference_mode()
    def logits(self, of: Tensor, words: Tensor, real: Tensor, edit: Edit | None = None) -> tuple[Tensor, list[Tensor]]:
        """Compute float64 logits of the next token, (n, vocabulary), and the mean of the words after every block, (n,
        d) each.

        of: numbers of the pictures, int64 (n,). words, real: of `words`. edit: shifts the words, whose means are those
        before the shift at its layer.
        """
        from transformers import DynamicCache

        model, before = self.llm.model, self._kept[0][0].shape[2]
        cache = DynamicCache([(keys[of], values[of]) for keys, values in self._kept])
        mask = torch.cat([torch.ones(len(of), before, dtype=torch.bool), real], dim=1)
        around = {"attention_mask": mask.long(), "position_ids": (mask.cumsum(dim=1) - 1)[:, before:]}
        with _outputs(self.llm, edit, None if edit is None else self.image[edit.layer][of], real) as outputs:
            hidden = model.model.language_model(input_ids=words, past_key_values=cache, use_cache=True, **around)
        last = hidden.last_hidden_state[:, -1]
        return model.lm_head(last).double(), [mean_where(rows, real) for rows in outputs]


@contextmanager
def _outputs(
    llm: Llava, edit: Edit | None = None, image: Tensor | None = None, real: Tensor | None = None
) -> Iterator[list[Tensor]]:
    """Yield a list that a forward pass in the `with` fills with the outputs of all blocks, which an edit may shift."""
    outputs: list[Tensor] = []

    def watch(number: int) -> Any:
        def hook(_block: Any, _inputs: Any, rows: Tensor) -> Tensor | None:
            outputs.append(rows)
            if edit is None or number != edit.layer or image is None or real is None:
                return None
            return rows + edit.shift(image, mean_where(rows, real))[:, None] * real[..., None]

        return hook

    handles = [block.register_forward_hook(watch(number)) for number, block in enumerate(decoder_blocks(llm))]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
