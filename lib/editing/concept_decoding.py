"""Decode a multimodal LLM against its own words: with shared concepts, with a noisy picture, or with a cut alone.

Shen et al. 2025, arXiv 2510.21323, Eq. 11, A15 and A16. At one layer, x_v and x_l are the means of the picture's tokens
and of all tokens after it; through an auxiliary autoencoder and a VL-SAE they have codes h_v and h_l, and

    x_l' = (1 - alpha_l) x_l + alpha_l D_l(D_l^s(h)),   h = h_l + beta h_v              (`additive`, the paper)
                                                        h = (1 - beta) h_l + beta h_v    (`convex`, its code)

Every token after the picture is shifted by x_l' - x_l, and the next token drawn from the softmax of
(1 - alpha_cd) logits + alpha_cd shifted logits, without tokens of less than beta_cd times the best one's original
probability. That cut comes from contrastive decoding; with beta_cd = 0.8 a second token rarely survives it, so the cut
alone is a control, and so is greedy decoding. Visual contrastive decoding (Leng et al., CVPR 2024, arXiv 2311.16922)
takes (1 + alpha) logits - alpha logits of a noisy picture instead.

One shift for all tokens cannot say which of them is wrong. So an edit may also treat `each` token as the paper treats
their mean: then every token has its own x_l, and its own shift.

The paper trains on the output of block 29 and its code edits the output of block 30; here both are the same block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import torch
from torch import Tensor

from lib.base.errors import CompanionError
from lib.encoders.multimodal_llm import MultimodalLLM
from lib.sae.models.auxiliary import AuxiliaryAE
from lib.sae.models.two_towers import TwoTowers

Mixing = Literal["additive", "convex"]
"""How the picture's code is mixed into the words': as in the paper, or as in its code."""

ALPHA_L, BETA, ALPHA_CD, BETA_CD = 0.7, 0.9, 0.6, 0.8
"""The paper's settings (appendix A.5)."""

VCD_ALPHA, VCD_BETA = 1.0, 0.2
"""Settings in the released script of visual contrastive decoding."""


class Edit(Protocol):
    """A shift of the words behind one block of the language model."""

    @property
    def layer(self) -> int:
        """Number of the block whose output is edited."""

    @property
    def each(self) -> bool:
        """Whether each word is shifted as it needs, and not all by the shift of their mean."""

    def shift(self, image: Tensor, text: Tensor, of: Tensor) -> Tensor:
        """Compute x_l' - x_l (n, d).

        image: mean picture tokens, (pictures, d). text: (n, d), the mean of each picture's words, or each word. of: the
        picture of each row of text, int64 (n,).
        """


@dataclass(frozen=True)
class ConceptEdit:
    """An edit of the words' representations by the concepts that picture and words share."""

    auxiliary: AuxiliaryAE
    """Maps the representations of pictures and words into one space and back."""
    sae: TwoTowers
    """Dictionary of that space, with one decoder per modality."""
    layer: int
    """Number of the block whose output is edited."""
    mixing: Mixing = "additive"
    """How the picture's code enters the words'."""
    each: bool = False
    """Whether each word has its own code and shift."""
    alpha: float = ALPHA_L
    """alpha_l: share of the words' representation that is replaced."""
    beta: float = BETA
    """Weight of the picture's code."""

    def __post_init__(self) -> None:
        if not isinstance(self.sae, TwoTowers):
            recipe, kind = self.sae.config.recipe, self.sae.kind
            raise CompanionError(f"an edit of concepts needs a two-tower dictionary, and {recipe!r} is {kind}")
        if self.mixing not in get_args(Mixing):
            raise CompanionError(f"unknown mixing {self.mixing!r}; choose additive or convex")

    @torch.no_grad()
    def shift(self, image: Tensor, text: Tensor, of: Tensor) -> Tensor:
        """Compute x_l' - x_l (n, d); arguments as of `Edit.shift`.

        The decoder is linear, so that the code of a picture is decoded once for all its words.
        """
        h_v = self.sae.encode_tower(self.auxiliary.encode(image, "image"), "image")
        h_l = self.sae.encode_tower(self.auxiliary.encode(text, "text"), "text")
        bias = self.sae.decoder_of("text")[1]
        seen, said = (self.sae.decode_tower(h, "text") - bias for h in (h_v, h_l))
        mixed = (said if self.mixing == "additive" else (1 - self.beta) * said) + self.beta * seen[of]
        return self.alpha * (self.auxiliary.decode(mixed + bias, "text") - text)


@dataclass(frozen=True)
class TowardsEdit:
    """An edit whose target is given, such as words about what is truly in the picture."""

    target: Tensor
    """Mean representations of words, (n, d), one for each row of the inputs; or one for each word, row after row."""
    layer: int
    """Number of the block whose output is edited."""
    alpha: float = ALPHA_L
    """alpha_l: share of the words' representation that is replaced."""
    each: bool = False
    """Whether each word has its own target."""

    def shift(self, image: Tensor, text: Tensor, of: Tensor) -> Tensor:
        """Compute alpha_l (target - x_l), (n, d)."""
        return self.alpha * (self.target - text)


def decoder_blocks(llm: MultimodalLLM) -> torch.nn.ModuleList:
    """The transformer blocks of the language model."""
    return llm.model.model.language_model.layers


def after_image(tokens: Tensor, mask: Tensor, image_token: int) -> tuple[Tensor, Tensor]:
    """Find the picture's tokens, and all tokens after the last of them that are not padding, bool (n, tokens) each."""
    picture = tokens == image_token
    if not picture.any(dim=1).all():
        raise CompanionError("a prompt without a picture has nothing to compare its words with; give one to each")
    later = picture.flip(1).cumsum(1).flip(1) == 0
    return picture, later & mask.bool()


def mean_where(hidden: Tensor, where: Tensor) -> Tensor:
    """Average those tokens (n, tokens, d) that a mask (n, tokens) picks, (n, d)."""
    weight = where.to(hidden.dtype)[..., None]
    return (hidden * weight).sum(dim=1) / weight.sum(dim=1)


def moved(edit: Edit, hidden: Tensor, image: Tensor, words: Tensor) -> Tensor:
    """Shift the words, bool (n, tokens), in the output of a block (n, tokens, d); image: mean picture tokens (n, d)."""
    rows = hidden.float()
    if not edit.each:
        shift = edit.shift(image, mean_where(rows, words), torch.arange(len(rows), device=rows.device))
        return (rows + shift[:, None] * words[..., None]).to(hidden.dtype)
    shifted = rows.clone()
    shifted[words] += edit.shift(image, rows[words], words.nonzero()[:, 0])
    return shifted.to(hidden.dtype)


def mean_representations(llm: MultimodalLLM, images: list[Any], texts: list[str], layer: int) -> tuple[Tensor, Tensor]:
    """Return the mean picture token and the mean token after the picture at a block's output, (n, d) each, float32."""
    means: list[tuple[Tensor, Tensor]] = []
    for inputs in llm.batches(images, texts):
        masks = after_image(inputs["input_ids"], inputs["attention_mask"], image_token(llm))
        with _output(llm, layer) as seen, torch.inference_mode():
            llm.model(**llm.placed(inputs), logits_to_keep=1, use_cache=False)
        picture, words = (mean_where(seen[0].float(), where).cpu() for where in masks)
        means.append((picture, words))
    image, text = (torch.cat(parts) for parts in zip(*means, strict=True))
    return image.clone(), text.clone()


def image_token(llm: MultimodalLLM) -> int:
    """Return the number of the picture's placeholder token."""
    return int(llm.model.config.image_token_id)


@contextmanager
def _output(llm: MultimodalLLM, layer: int) -> Iterator[list[Any]]:
    """Yield a list that a forward pass in the `with` fills: a block's output, and its inputs besides hidden states."""
    blocks = decoder_blocks(llm)
    if layer not in range(len(blocks)):
        raise CompanionError(f"no layer {layer!r}: this language model has {len(blocks)} blocks")
    seen: list[Any] = []

    def remember(_block: Any, _hidden: Any, around: dict[str, Any], output: Any) -> None:
        seen[:] = [output, around]

    handle = blocks[layer].register_forward_hook(remember, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


class _OfLastWord(torch.nn.Module):
    """A module that sees the last word alone."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, hidden: Tensor) -> Tensor:
        """Compute (n, 1, d) from (n, tokens, d)."""
        return self.module(hidden[:, -1:])


def _for_last_word(block: torch.nn.Module) -> torch.nn.Module:
    """The last block, right for the last word alone: its MLP, most of the work, computes no other word."""
    alike = copy(block)
    alike._modules = {**block._modules, "mlp": _OfLastWord(block.get_submodule("mlp"))}
    return alike


# From logits to the distribution of the next token.


def interpolate_logits(logits: Tensor, other: Tensor, alpha: float) -> Tensor:
    """Mix two sets of logits by Eq. A16: (1 - alpha) logits + alpha other."""
    return (1 - alpha) * logits + alpha * other


def contrast_logits(logits: Tensor, noisy: Tensor, alpha: float = VCD_ALPHA) -> Tensor:
    """Contrast logits with those of a noisy picture (visual contrastive decoding): (1 + alpha) logits - alpha noisy."""
    return (1 + alpha) * logits - alpha * noisy


def plausible_tokens(logits: Tensor, beta: float) -> Tensor:
    """Mark tokens with at least beta times the probability of the best one; bool, of the logits' shape."""
    if not 0 < beta <= 1:
        raise CompanionError(f"a plausibility cut at {beta}; give more than 0 and at most 1")
    best = logits.amax(dim=-1, keepdim=True)
    return logits >= best + torch.log(torch.tensor(beta, dtype=logits.dtype))


def token_distribution(logits: Tensor, kept: Tensor | None = None) -> Tensor:
    """Probabilities of the next token; tokens that are not in `kept` get 0."""
    return (logits if kept is None else logits.masked_fill(~kept, -torch.inf)).softmax(dim=-1)


def greedy_distribution(logits: Tensor) -> Tensor:
    """The distribution that puts all probability on the best token."""
    return torch.zeros_like(logits).scatter_(-1, logits.argmax(dim=-1, keepdim=True), 1.0)


def decoding_rules(plain: Tensor, noisy: Tensor | None, edited: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the distribution (n, vocabulary) of the next token under every way of decoding, by its name.

    plain, noisy: logits with the picture and with a noisy one (None leaves that rule out). edited: name of an edit to
    logits with shifted words.
    """
    cut = plausible_tokens(plain, BETA_CD)
    found = {
        "regular": token_distribution(plain),
        "greedy": greedy_distribution(plain),
        "cut only": token_distribution(plain, cut),
    }
    if noisy is not None:
        likely = plausible_tokens(plain, VCD_BETA)
        found["contrast with noise"] = token_distribution(contrast_logits(plain, noisy), likely)
    mixed = {name: interpolate_logits(plain, shifted, ALPHA_CD) for name, shifted in edited.items()}
    found |= {name: token_distribution(logits, cut) for name, logits in mixed.items()}
    return found | {f"{name}, no cut": token_distribution(logits) for name, logits in mixed.items()}


def add_noise(pixels: Tensor, noise: Tensor, share: float = 0.9) -> Tensor:
    """Add normal noise to pictures, as late in a diffusion: sqrt(1 - share) x + sqrt(share) noise."""
    return (1 - share) ** 0.5 * pixels + share**0.5 * noise


@torch.inference_mode()
def next_logits(
    llm: MultimodalLLM, inputs: Any, edits: Mapping[str, Edit], noise: torch.Generator | None = None
) -> tuple[Tensor, Tensor | None, dict[str, Tensor]]:
    """Compute float64 logits of the next token for model inputs: plain, with a noisy picture, and with each edit.

    noise: draws the noisy picture; without it that pass is left out. An edit changes nothing before the output of its
    layer, so only the blocks after it run again.
    """

    def last(pixels: Tensor) -> Tensor:
        given = llm.placed({**inputs, "pixel_values": pixels})
        return llm.model(**given, logits_to_keep=1, use_cache=False).logits[:, -1].double()

    pixels = inputs["pixel_values"]
    picture, words = after_image(inputs["input_ids"], inputs["attention_mask"], image_token(llm))
    with ExitStack() as stack:
        outputs = {layer: stack.enter_context(_output(llm, layer)) for layer in {e.layer for e in edits.values()}}
        plain = last(pixels)
    concept: dict[str, Tensor] = {}
    for name, edit in edits.items():
        hidden, around = outputs[edit.layer]
        concept[name] = finish(llm, edit.layer, moved(edit, hidden, mean_where(hidden.float(), picture), words), around)
    noisy = None if noise is None else last(add_noise(pixels, llm.noise_for(pixels, noise)))
    return plain, noisy, concept


def finish(llm: MultimodalLLM, layer: int, hidden: Tensor, around: dict[str, Any]) -> Tensor:
    """Float64 logits of the next token from the output of a block; around: the other inputs of the blocks after it."""
    attention = getattr(llm.model.config.text_config, "layer_types", None) or []
    if len(set(attention[layer:])) > 1:
        raise CompanionError(f"{llm.name}: blocks from {layer} on differ in attention; edit a later block")
    blocks = decoder_blocks(llm)[layer + 1 :]
    for block in [*blocks[:-1], *(_for_last_word(block) for block in blocks[-1:])]:
        hidden = block(hidden, **around)
    return llm.model.lm_head(llm.model.model.language_model.norm(hidden[:, -1])).double()
