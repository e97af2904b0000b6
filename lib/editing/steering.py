"""Steering: change the output of one block of a vision tower, while the rest of the model runs unchanged.

Source: Pach et al., arXiv 2504.02821, section 3.3, equation 10: the tokens v of a block are encoded, a = phi(v), one
latent is overwritten, a_k = alpha, and the decoded tokens psi(a) go on through the model. Since the decoder is linear,

    psi(a with a_k = alpha) = psi(a) + (alpha - a_k) W_dec[k]

so an edit is the reconstruction (or, with the dictionary's error kept, the token itself) plus a multiple of one row.
The paper drops the error term and compares with a model without a dictionary, so its measurements include the effect of
reconstruction; `reconstruct` is the arm that separates the two. `shift` is the usual alternative without any
dictionary, a difference of means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lib.base.errors import CompanionError
from lib.encoders.hooks import find_blocks
from lib.sae.base import SAE, one_tower

Edit = Callable[[Tensor], Tensor]
"""A function from tokens (rows, d), image after image, to the tokens that replace them, (rows, d)."""


def reconstruct(sae: SAE) -> Edit:
    """Encode and decode the tokens without an edit, which shows the effect of the dictionary alone."""
    return clamp(sae, {})


def clamp(sae: SAE, latents: Mapping[int, float], *, keep_error: bool = False) -> Edit:
    """Overwrite latents, given as number to activation in the units of the codes; 0 or less suppresses.

    keep_error: add back the part that the dictionary does not reconstruct, so that only the named latents change.

    Examples
    --------
    >>> from lib.sae.config import SAEConfig
    >>> from lib.sae.recipes import build
    >>> sae = build(SAEConfig("topk", width=3, k=1), d=3)
    >>> with torch.no_grad():
    ...     _ = sae.encoder.copy_(torch.eye(3)), sae.W_dec.copy_(torch.eye(3))
    >>> clamp(sae, {2: 5.0})(torch.tensor([[1.0, 0, 0]])).tolist()
    [[1.0, 0.0, 5.0]]
    """
    one_tower(sae, "steering")
    for latent, value in latents.items():
        if latent not in range(sae.width):
            raise CompanionError(f"no latent {latent}: this dictionary has {sae.width}, 0 to {sae.width - 1}")
        if not torch.isfinite(torch.tensor(float(value))):
            raise CompanionError(f"latent {latent} is set to {value}; give a finite activation")
    numbers = torch.tensor(list(latents), dtype=torch.int64)
    values = torch.tensor(list(latents.values()), dtype=torch.float32)

    @torch.no_grad()
    def edit(tokens: Tensor) -> Tensor:
        code = sae.encode(tokens)
        start = tokens if keep_error else sae.decode(code)
        chosen = numbers.to(tokens.device)
        found = code.pattern.latents[:, None] == chosen  # (nnz, edited)
        rows = code.pattern.entry_rows
        now = tokens.new_zeros(len(tokens), len(chosen)).index_add_(0, rows, found * code.values[:, None])
        return start + (values.to(tokens) - now) @ sae.W_dec[chosen]

    return edit


def clamp_each(sae: SAE, latents: Tensor, values: Tensor, *, keep_error: bool = False) -> Edit:
    """`clamp` one latent in each of n images, with one number of a latent and one activation per image, (n,) each."""
    one_tower(sae, "steering")
    count = len(latents)
    if latents.shape != (count,) or values.shape != (count,) or not torch.isfinite(values).all():
        shapes = f"{tuple(latents.shape)} and {tuple(values.shape)}"
        raise CompanionError(f"latents and values of shapes {shapes}; give a latent and a finite value for each image")
    if count and not 0 <= int(latents.min()) <= int(latents.max()) < sae.width:
        raise CompanionError(f"latents reach from {int(latents.min())} to {int(latents.max())} of {sae.width}")

    @torch.no_grad()
    def edit(tokens: Tensor) -> Tensor:
        chosen, wanted = (_for_tokens(part.to(tokens.device), tokens) for part in (latents, values.to(tokens)))
        code = sae.encode(tokens)
        start = tokens if keep_error else sae.decode(code)
        rows = code.pattern.entry_rows
        now = tokens.new_zeros(len(tokens)).index_add_(0, rows, (code.pattern.latents == chosen[rows]) * code.values)
        return start + (wanted - now)[:, None] * sae.W_dec[chosen]

    return edit


def _for_tokens(each: Tensor, tokens: Tensor) -> Tensor:
    """Repeat the rows that belong to each of n images (n, ...) for each of an image's tokens."""
    if not len(each) or len(tokens) % len(each):
        raise CompanionError(f"{len(tokens)} tokens for {len(each)} images; give an edit for every image of the batch")
    return each.repeat_interleave(len(tokens) // len(each), dim=0)


def shift(direction: Tensor, strength: float) -> Edit:
    """Add `strength` times a direction to every token: one direction for all, (d,), or one per image, (n, d)."""
    if direction.ndim not in (1, 2) or not torch.isfinite(direction).all():
        raise CompanionError(f"direction of shape {tuple(direction.shape)}; give finite numbers, as many as the block")
    each = direction if direction.ndim == 2 else direction[None]
    return lambda tokens: tokens + strength * _for_tokens(each.to(tokens), tokens)


def difference_in_means(shows: Tensor, lacks: Tensor) -> Tensor:
    """Mean activation of inputs that show a concept, (n, d), minus that of inputs that lack it, (m, d); (d,)."""
    if shows.ndim != 2 or lacks.ndim != 2 or not len(shows) or not len(lacks) or shows.shape[1] != lacks.shape[1]:
        shapes = f"{tuple(shows.shape)} and {tuple(lacks.shape)}"
        raise CompanionError(f"activations of shapes {shapes}; give two filled matrices of one block")
    return (shows.double().mean(dim=0) - lacks.double().mean(dim=0)).float()


@contextmanager
def steered(source: Any, layer: int, edit: Edit, *, pooled: bool = False) -> Iterator[None]:
    """Make every forward pass within the `with` continue with the edited output of one block.

    source: an encoder or an image tower that `find_blocks` knows (open_clip, timm, transformers; for a LLaVA, its
    `vision_tower`). layer: block number from 0, or from the end if negative. pooled: edit the mean of an image's
    tokens and add the change to each of them; else edit every token by itself. The hook is removed at the end,
    whether there is an error or not.
    """
    blocks = find_blocks(source)
    count = len(blocks.modules)
    if layer not in range(-count, count):
        raise CompanionError(f"no layer {layer!r}: this image tower has {count} blocks, 0 to {count - 1}")

    def hook(_module: Any, _inputs: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        changed = _edited(hidden, edit, pooled, blocks.batch_first)
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    # This must be the first hook: transformers also collects hidden states, which LLaVA reads, by hooks.
    handle = blocks.modules[layer].register_forward_hook(hook, prepend=True)
    try:
        yield
    finally:
        handle.remove()


def _edited(hidden: Tensor, edit: Edit, pooled: bool, batch_first: bool) -> Tensor:
    """Edit hidden states (n, tokens, d), or (tokens, n, d) where the batch comes second."""
    tokens = (hidden if batch_first else hidden.transpose(0, 1)).float()  # dictionaries are float32
    if pooled:
        mean = tokens.mean(dim=1)
        changed = tokens + (edit(mean) - mean).unsqueeze(1)
    else:
        changed = edit(tokens.flatten(0, 1)).view_as(tokens)
    return (changed if batch_first else changed.transpose(0, 1)).to(hidden.dtype)
