"""Train the two heads of the photos model: `python -m lib.encoders.training.photos_heads`.

The towers stay as they are: their features of Flickr8k are computed once and kept in the embedding store (about a
quarter of an hour on one core). The heads, one hidden layer each, learn on the training split with the symmetric
contrastive loss (Radford et al., ICML 2021), in minutes. The epoch with the best retrieval on the dev split is shipped.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
import typer
from safetensors.torch import save_file
from torch import nn

from lib.base.progress import progress
from lib.data.captions import each_caption
from lib.data.sets.flickr8k import flickr8k
from lib.encoders.clip import CONFIG
from lib.encoders.photo_towers import ImageTower, TextTower
from lib.encoders.photos_clip import HEADS
from lib.encoders.shim import ensure_torchvision
from lib.encoders.store import embed

ensure_torchvision()
from timm.layers import Mlp  # noqa: E402 (torchvision must work first)

DIM: int = json.loads((HEADS.parent / CONFIG).read_text())["model_cfg"]["embed_dim"]
EPOCHS, BATCH, RATE, DECAY = 60, 500, 1e-3, 0.2
DROP = 0.3
"""The share of input features and of hidden units that are dropped."""


IN_OPEN_CLIP = {"image": "visual.head.mlp", "text": "text.proj"}


class Features(NamedTuple):
    """The towers' features of a split: image (n, 1280); text (5 n, 384), with the captions of an image in a row."""

    image: torch.Tensor
    text: torch.Tensor


def features(split: str) -> Features:
    """Read the features of a split from the cache, or compute them."""
    pairs = flickr8k(split)
    image = embed(pairs, ImageTower(), towers=("image",), shard=500).tower("image")
    text = embed(each_caption(pairs)[0], TextTower(), towers=("text",)).tower("text")
    return Features(torch.from_numpy(np.array(image)), torch.from_numpy(np.array(text)))


class Heads(nn.Module):
    """The heads as open_clip builds them for `timm_proj` and `hf_proj_type` "mlp"."""

    def __init__(self, wide: int, width: int) -> None:
        super().__init__()
        self.image = Mlp(wide, 2 * DIM, DIM, drop=(DROP, 0.0), bias=(True, False))
        hidden = (width + DIM) // 2
        self.text = nn.Sequential(nn.Linear(width, hidden, bias=False), nn.GELU(), nn.Linear(hidden, DIM, bias=False))
        self.logit_scale = nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))

    def loss(self, image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Compute symmetric InfoNCE of matched rows."""
        image, text = (F.dropout(part, DROP, self.training) for part in (image, text))
        logits = self.logit_scale.exp() * F.normalize(self.image(image)) @ F.normalize(self.text(text)).T
        target = torch.arange(len(image))
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def recalls(heads: Heads, split: Features) -> tuple[float, float]:
    """R@1 from image to text and from text to image, where all five captions of an image count as right."""
    with torch.inference_mode():
        image, text = F.normalize(heads.eval().image(split.image)), F.normalize(heads.text(split.text))
        scores, owner = image @ text.T, torch.arange(len(text)) // 5
        to_text = owner[scores.argmax(dim=1)] == torch.arange(len(image))
        to_image = scores.argmax(dim=0) == owner
    return to_text.float().mean().item(), to_image.float().mean().item()


def train(seed: int, train_split: Features, dev: Features) -> tuple[Heads, dict[str, torch.Tensor], float]:
    """Train, and return the heads, the weights of their best epoch, and that epoch's mean R@1 on the dev split."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # initial weights and dropout; the fork leaves the caller's generator alone
        heads = Heads(train_split.image.shape[1], train_split.text.shape[1])
        optimiser = torch.optim.AdamW(heads.parameters(), lr=RATE, weight_decay=DECAY)
        n = len(train_split.image)
        plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=EPOCHS * (n // BATCH), pct_start=0.1)
        best, kept = 0.0, {}
        for _ in progress(range(EPOCHS), desc="epochs"):
            heads.train()
            for rows in torch.randperm(n, generator=generator).split(BATCH):
                captions = 5 * rows + torch.randint(5, (len(rows),), generator=generator)
                optimiser.zero_grad()
                heads.loss(train_split.image[rows], train_split.text[captions]).backward()
                optimiser.step()
                plan.step()
            mean = sum(recalls(heads, dev)) / 2
            if mean > best:
                best, kept = mean, {name: value.clone() for name, value in heads.state_dict().items()}
    return heads, kept, best


def open_clip_name(name: str) -> str:
    """Return open_clip's name for a weight of `Heads`."""
    tower, _, rest = name.partition(".")
    return f"{IN_OPEN_CLIP[tower]}.{rest}" if rest else name


def main(seed: int = 0) -> None:
    """Train, write the shipped heads, and print R@1 on the dev and test splits."""
    splits = {name: features(name) for name in ("train", "dev", "test")}
    heads, kept, _ = train(seed, splits["train"], splits["dev"])
    heads.load_state_dict(kept)
    save_file({open_clip_name(k): v.contiguous() for k, v in kept.items()}, HEADS, {"format": "pt"})
    for name in ("dev", "test"):
        to_text, to_image = recalls(heads, splits[name])
        print(f"{name}: R@1 image to text {to_text:.3f}, text to image {to_image:.3f}")


if __name__ == "__main__":
    typer.run(main)
