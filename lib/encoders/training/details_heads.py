"""Train the encoders `scenes-details`: `python -m lib.encoders.training.details_heads` (a few minutes on one core).

Two heads on the frozen vectors of scenes-clip learn with the symmetric contrastive loss (Radford et al., ICML 2021)
from captions as poor as those of the web: they mention one or two of twelve facts, the kind of the main object in four
of five, and one pair in ten is mismatched. So pictures show far more than any caption says, which is the premise of
paper 4. The notebooks use other scenes.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
import typer
from safetensors.torch import save_file
from torch import Tensor, nn

from lib.base.places import MODELS
from lib.base.progress import progress
from lib.data.scenes import scenes
from lib.data.scenes.dial import dial
from lib.encoders.clip import load_clip
from lib.encoders.scene_heads import ENCODERS, NAME, SceneHeads
from lib.encoders.store import embed

SCENES, SEED = 10_000, 2000
"""Number of training scenes, and their seed; the scenes of notebooks have seed 0, those of scenes-clip seed 1000."""

TOLD, CAPTIONS = (1, 2), 2
"""Numbers of facts that captions mention, and captions per scene with each number."""

STEPS, BATCH, RATE, DECAY = 1500, 256, 2e-3, 0.01
MISMATCHED = 0.1
"""The share of pairs whose caption belongs to another picture of the batch."""

SCALE = 20.0
"""Initial factor of the logits; it is learnt."""


def vectors() -> tuple[Tensor, Tensor]:
    """Compute the vectors of scenes-clip for pictures (n, 128) and for their poor captions (captions, n, 128)."""
    encoder = load_clip("scenes-clip")
    image = embed(scenes("train", SCENES, SEED), encoder, towers=("image",)).tower("image")
    told = [(facts, caption) for facts in TOLD for caption in range(CAPTIONS)]
    pairs = [dial("train", SCENES, facts, SEED, caption).pairs for facts, caption in told]
    text = np.stack([embed(one, encoder, towers=("text",)).tower("text") for one in pairs])
    return torch.from_numpy(np.array(image)), torch.from_numpy(text)


def train(seed: int, image: Tensor, text: Tensor) -> SceneHeads:
    """Train heads on pictures (n, d) and their captions (captions, n, d), from a seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # only the initial weights
        heads, scale = SceneHeads(), nn.Parameter(torch.tensor(SCALE).log())
    optimiser = torch.optim.AdamW([*heads.parameters(), scale], weight_decay=DECAY)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS, pct_start=0.1)
    for _ in progress(range(STEPS), desc=f"heads {seed}"):
        rows = torch.randint(len(image), (BATCH,), generator=generator)
        which = torch.randint(len(text), (BATCH,), generator=generator)
        wrong = torch.rand(BATCH, generator=generator) < MISMATCHED
        told = text[which, torch.where(wrong, rows.roll(1), rows)]
        x, y = (F.normalize(heads.rows(*part), dim=1) for part in (("image", image[rows]), ("text", told)))
        logits, right = scale.exp() * x @ y.T, torch.arange(BATCH)
        loss = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        plan.step()
    return heads.eval()


def main() -> None:
    """Train every encoder and write its heads, in float16."""
    image, text = vectors()
    (MODELS / NAME).mkdir(parents=True, exist_ok=True)
    for number in range(ENCODERS):
        weights = {name: value.half().contiguous() for name, value in train(number, image, text).state_dict().items()}
        save_file(weights, MODELS / NAME / f"heads-{number}.safetensors", {"format": "pt"})


if __name__ == "__main__":
    typer.run(main)
