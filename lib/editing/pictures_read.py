"""Pictures that a LLaVA reads only once, so that a question, or a word of an answer, costs no more than its words.

Words come after the picture, and a language model only looks back, so its states of the picture are the same for every
question. Their keys and values are kept, and so is the mean picture token after every block, which edits of the words
need. `lib.editing.concept_decoding.next_logits` computes the same for any multimodal LLM, but reads the picture every
time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from lib.editing.concept_decoding import Edit, add_noise, decoder_blocks, finish, image_token, mean_where, moved
from lib.encoders.llava import Llava

Key = TypeVar("Key")

Attended = tuple[Tensor, Tensor]
"""Keys and values of a block, (n, heads, tokens, d / heads) each."""


class Answers(NamedTuple):
    """What a LLaVA makes of words after pictures."""

    logits: Tensor
    """Of the next token, float64 (n, vocabulary)."""
    behind: list[Tensor]
    """Of each block, its output at the words, (n, words, d)."""


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

    def answers(self, of: Tensor, words: Tensor, real: Tensor) -> Answers:
        """Read words after pictures. of: numbers of the pictures, int64 (n,). words, real: of `words`."""
        read = WordsRead(self, of, words, real)
        return Answers(read.logits(), read.behind)

    def edited(
        self, edits: Mapping[Key, Edit], of: Tensor, real: Tensor, behind: Sequence[Tensor]
    ) -> dict[Key, Tensor]:
        """Compute the logits of the next token after edits of words that were read, by name, float64 (n, vocabulary).

        Only the blocks after an edited one compute. of, real: as of `answers`, which returns behind.
        """
        kept = self.kept(of)
        return {name: self.edited_after(kept, edit, of, real, behind) for name, edit in edits.items()}

    @torch.inference_mode()
    def edited_after(
        self, kept: Sequence[Attended], edit: Edit, of: Tensor, real: Tensor, behind: Sequence[Tensor]
    ) -> Tensor:
        """As `edited` of one edit, given `kept(of)`."""
        hidden = moved(edit, behind[edit.layer], self.image[edit.layer][of], real)
        return finish(self.llm, edit.layer, hidden, self.around(hidden, real, Past(kept)))

    def kept(self, of: Tensor) -> list[Attended]:
        """Copy the keys and values of some pictures, by number, at every block."""
        return [(keys[of], values[of]) for keys, values in self._kept]

    @property
    def tokens(self) -> int:
        """How many tokens come before the words."""
        return self._kept[0][0].shape[2]

    def around(self, hidden: Tensor, real: Tensor, past: Past) -> dict[str, Any]:
        """What the blocks need besides the states of the last words; all that comes before these is in the past."""
        last, words = hidden.shape[1], real.shape[1]
        back = torch.ones(last, words, dtype=torch.bool).tril(words - last) & real[:, None, None]
        places = self.tokens + real.cumsum(dim=1)[:, -last:] - 1
        return {
            "attention_mask": functional.pad(back, (self.tokens, 0), value=True),
            "position_embeddings": self.llm.model.model.language_model.rotary_emb(hidden, places),
            "past_key_values": past,
        }


class Past:
    """Keys and values of all that was read, to which the attention of each block adds its own.

    The blocks need no more of a cache of transformers, which would copy what it is made from.
    """

    kept: list[Attended]
    """Those of each block."""

    def __init__(self, kept: Iterable[Attended]) -> None:
        self.kept = list(kept)

    def update(self, keys: Tensor, values: Tensor, block: int) -> Attended:
        """Add those of new tokens at a block, and return all."""
        before = self.kept[block]
        self.kept[block] = torch.cat([before[0], keys], dim=2), torch.cat([before[1], values], dim=2)
        return self.kept[block]


class WordsRead:
    """Words after pictures as a LLaVA has read them, to which words can be added: each costs no more than itself."""

    of: Tensor
    """Numbers of the pictures, int64 (n,)."""
    real: Tensor
    """Which words are real and not padding, bool (n, words)."""
    behind: list[Tensor]
    """Of each block, its output at the words, (n, words, d)."""

    def __init__(self, pictures: PicturesRead, of: Tensor, words: Tensor, real: Tensor) -> None:
        """Read words after pictures; arguments as of `PicturesRead.answers`."""
        self.of, self.real, self.behind = of, real[:, :0], []
        self._pictures, self._past = pictures, Past(pictures.kept(of))
        self._read(words, real)

    def copy(self) -> WordsRead:
        """The same words, to go on from in another way."""
        alike = copy(self)
        alike._past = Past(self._past.kept)
        return alike

    def add(self, words: Tensor) -> None:
        """Read one more word per row, int64 (n,)."""
        self._read(words[:, None], torch.ones_like(words[:, None], dtype=torch.bool))

    def keep(self, rows: Tensor) -> None:
        """Go on with some rows only, given by a mask, bool (n,)."""
        if rows.all():
            return
        self.of, self.real, self.behind = self.of[rows], self.real[rows], [hidden[rows] for hidden in self.behind]
        self._past = Past((keys[rows], values[rows]) for keys, values in self._past.kept)

    @torch.inference_mode()
    def logits(self) -> Tensor:
        """Compute those of the next token, float64 (n, vocabulary)."""
        return finish(self._pictures.llm, len(self.behind) - 1, self.behind[-1], {})

    def edited(self, edit: Edit) -> Tensor:
        """Compute the logits of the next token after an edit of all words, float64 (n, vocabulary)."""
        before = self._pictures.tokens
        kept = [(keys[:, :, :before], values[:, :, :before]) for keys, values in self._past.kept]
        return self._pictures.edited_after(kept, edit, self.of, self.real, self.behind)

    @torch.inference_mode()
    def _read(self, words: Tensor, real: Tensor) -> None:
        llm, added = self._pictures.llm, []
        self.real = torch.cat([self.real, real], dim=1)
        hidden = llm.model.model.language_model.embed_tokens(words)
        around = self._pictures.around(hidden, self.real, self._past)
        for block in decoder_blocks(llm):
            hidden = block(hidden, **around)
            added.append(hidden)
        both = zip(self.behind, added, strict=True) if self.behind else zip(added, strict=True)
        self.behind = [torch.cat(parts, dim=1) for parts in both]


@contextmanager
def _outputs(llm: Llava, added: tuple[int, Tensor] | None = None) -> Iterator[list[Tensor]]:
    """A list that a forward pass in the `with` fills with every block's output.

    added: a block, and what is added to its output.
    """
    outputs: list[Tensor] = []

    def hook(_block: Any, _inputs: Any, rows: Tensor) -> Tensor:
        if added is not None and len(outputs) == added[0]:
            rows = rows + added[1]
        outputs.append(rows)
        return rows

    handles = [block.register_forward_hook(hook) for block in decoder_blocks(llm)]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
