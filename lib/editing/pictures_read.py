"""Pictures that a LLaVA reads only once, so that a question, or a word of an answer, costs no more than its words.

Words come after the picture, and a language model only looks back, so its states of the picture are the same for every
question. Their keys and values are kept, and so is the mean picture token after every block, which edits of the words
need. `lib.editing.concept_decoding.next_logits` computes the same for any multimodal LLM, but reads the picture every
time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lib.editing.concept_decoding import Edit, add_noise, decoder_blocks, finish, image_token, mean_where, moved
from lib.encoders.llava import Llava


class Answers(NamedTuple):
    """What a LLaVA makes of words after pictures."""

    logits: Tensor
    """Of the next token, float64 (n, vocabulary)."""
    behind: list[Tensor]
    """Of each block, its output at the words, (n, words, d)."""
    edited: dict[Any, Tensor]
    """The logits with each edit, by its name."""


class PicturesRead:
    """Pictures that a LLaVA has read."""

    image: list[Tensor]
    """Mean picture token at the output of every block, (pictures, d) each."""

    @torch.inference_mode()
    def __init__(
        self,
        llm: Llava,
        images: list[Any],
        noise: torch.Generator | None = None,
        shift: tuple[int, Tensor] | None = None,
    ) -> None:
        """Read PIL images.

        noise: draws the noise that is added to them first, see `add_noise`. shift: a block, and what is added to all
        tokens of each picture behind it, (pictures, d).
        """
        self.llm = llm
        means: list[tuple[Tensor, ...]] = []
        kept: list[list[tuple[Tensor, Tensor]]] = []
        for inputs in llm.batches(images, ["picture"] * len(images)):
            pixels, tokens = inputs["pixel_values"], inputs["input_ids"]
            if noise is not None:
                pixels = add_noise(pixels, llm.noise_for(pixels, noise))
            tokens = tokens[:, : 1 + int((tokens[0] == image_token(llm)).nonzero()[-1])]  # all begin alike
            added = None
            if shift is not None:
                already = sum(len(part[0]) for part in means)
                mine = shift[1][already : already + len(tokens), None]
                added = shift[0], mine * (tokens == image_token(llm))[..., None]
            with _outputs(llm, added) as outputs:
                read = llm.model.model(input_ids=tokens, pixel_values=pixels, use_cache=True)
            means.append(tuple(mean_where(rows, tokens == image_token(llm)) for rows, _ in outputs))
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
    def answers(self, of: Tensor, words: Tensor, real: Tensor, edits: Mapping[Any, Edit] | None = None) -> Answers:
        """Read words after pictures, and once more behind the block of each edit.

        of: numbers of the pictures, int64 (n,). words, real: of `words`.
        """
        from transformers import DynamicCache

        model, before = self.llm.model, self._kept[0][0].shape[2]
        kept = [(keys[of], values[of]) for keys, values in self._kept]
        mask = torch.cat([torch.ones(len(of), before, dtype=torch.bool), real], dim=1)
        around = {"attention_mask": mask.long(), "position_ids": (mask.cumsum(dim=1) - 1)[:, before:]}
        with _outputs(self.llm) as outputs:
            model.model.language_model(input_ids=words, past_key_values=DynamicCache(kept), use_cache=True, **around)
        edited: dict[Any, Tensor] = {}
        for name, edit in (edits or {}).items():
            hidden, given = outputs[edit.layer]
            hidden = moved(edit, hidden, self.image[edit.layer][of], real)
            later = [(keys[:0], values[:0]) for keys, values in kept[: edit.layer + 1]] + kept[edit.layer + 1 :]
            edited[name] = finish(self.llm, edit.layer, hidden, {**given, "past_key_values": DynamicCache(later)})
        behind = [hidden for hidden, _ in outputs]
        return Answers(finish(self.llm, len(behind) - 1, behind[-1], {}), behind, edited)


@contextmanager
def _outputs(llm: Llava, added: tuple[int, Tensor] | None = None) -> Iterator[list[tuple[Tensor, dict[str, Any]]]]:
    """A list that a forward pass in the `with` fills with every block's output and its other inputs.

    added: a block, and what is added to its output.
    """
    outputs: list[tuple[Tensor, dict[str, Any]]] = []

    def hook(_block: Any, _hidden: Any, around: dict[str, Any], rows: Tensor) -> Tensor:
        if added is not None and len(outputs) == added[0]:
            rows = rows + added[1]
        outputs.append((rows, around))
        return rows

    handles = [block.register_forward_hook(hook, with_kwargs=True) for block in decoder_blocks(llm)]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
