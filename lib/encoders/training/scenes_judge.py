"""Train the scene judge: `python -m lib.encoders.training.scenes_judge` (a quarter of an hour on two cores).

Its objective is to name, from every cell of the feature map, the kind and the colour of the object there, and from the
pooled embedding the kinds, colours, background and pattern of the scene. It never sees a caption.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
import typer
from safetensors.torch import save_file
from torch import nn
from tqdm import tqdm

from lib.encoders.judges import SCENES_JUDGE, SceneJudge, scale_pixels
from lib.encoders.training.stream import FACT_SIZES, SceneBatch, fact_loss, scene_batches

STEPS, BATCH, OFFSET = 2400, 128, 100_000
"""Steps, scenes per step, and an offset so that the judge learns from other scenes than the CLIP."""


class Learner(nn.Module):
    """The judge with the temporary heads of its training."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = SceneJudge()
        self.cells = nn.ModuleList(nn.Conv2d(SceneJudge.dim, FACT_SIZES[name] + 1, 1) for name in ("kind", "colour"))
        self.whole = nn.ModuleDict(
            {name: nn.Linear(SceneJudge.dim, FACT_SIZES[name]) for name in ("kind", "colour", "background", "pattern")}
        )

    def loss(self, batch: SceneBatch) -> torch.Tensor:
        """Dense cross-entropy, plus for the pooled embedding binary cross-entropy (objects) or cross-entropy
        (background).
        """
        pooled, cells = self.judge(scale_pixels(batch.pixels))
        total = torch.zeros(())
        for i, head in enumerate(self.cells):
            total = total + 2 * fact_loss(head(cells).flatten(2).transpose(1, 2), batch.patches[..., i])
        for i, name in enumerate(("kind", "colour")):
            values = torch.arange(FACT_SIZES[name])
            present = (batch.patches[:, :, i, None] == values).any(dim=1).float()
            total = total + 5 * F.binary_cross_entropy_with_logits(self.whole[name](pooled).float(), present)
        for column, name in ((9, "background"), (10, "pattern")):
            total = total + 0.3 * fact_loss(self.whole[name](pooled), batch.scene[:, column])
        return total


def main(seed: int = 1) -> None:
    """Train from the seed and write the shipped float16 weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # only the initial weights
        learner = Learner().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(learner.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=STEPS, pct_start=0.1)

    def no_text(texts: list[str]) -> torch.Tensor:
        return torch.zeros(len(texts), 1, dtype=torch.int64)

    bar = tqdm(scene_batches(no_text, batch=BATCH, patch=8, steps=range(OFFSET, OFFSET + STEPS)), total=STEPS)
    for batch in bar:
        with torch.autocast("cpu", torch.bfloat16):
            loss = learner.loss(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.2f}", refresh=False)
    SCENES_JUDGE.parent.mkdir(parents=True, exist_ok=True)
    weights = {k: v.half() if v.is_floating_point() else v for k, v in learner.judge.state_dict().items()}
    save_file({k: v.contiguous() for k, v in weights.items()}, SCENES_JUDGE)


if __name__ == "__main__":
    typer.run(main)
