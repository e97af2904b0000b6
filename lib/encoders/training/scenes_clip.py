"""Train the small open_clip model of the scenes world: `python -m lib.encoders.training.scenes_clip`.

There are two stages, because contrastive training alone learns colours and backgrounds long before it learns shapes:
1. warm start: every patch token names the facts of the object that covers it, and the image embedding the facts of
the whole scene;
2. contrastive training of both towers (Radford et al., ICML 2021) on freshly rendered scenes and captions, with the
loss of the first stage kept.
You can stop the run and start it again; it continues from its last checkpoint. It takes about an hour and a half on
two cores.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
import typer
from safetensors.torch import save_file
from torch import nn
from tqdm import tqdm

from lib.base.files import ROOT, cache_root
from lib.encoders.shim import ensure_torchvision
from lib.encoders.training.recipe import attention_in_float32, load_state, muon_and_adamw, save_state, schedule
from lib.encoders.training.stream import FACT_SIZES, TOKEN_FACTS, SceneBatch, fact_loss, scene_batches

ensure_torchvision()
import open_clip  # noqa: E402 (torchvision must work first)

FOLDER = ROOT / "lib" / "encoders" / "models" / "scenes-clip"
CONFIG = json.loads((FOLDER / "open_clip_config.json").read_text())
PATCH: int = CONFIG["model_cfg"]["vision_cfg"]["patch_size"]


class Stage(NamedTuple):
    """A stage of the training. steps, batch: its size. muon, adamw: peak learning rates. offset: number of the first
    batch, so that the stages see different scenes (batch b is made from scenes b * batch and on).
    """

    steps: int
    batch: int
    muon: float
    adamw: float
    offset: int


STAGES = {
    "tokens": Stage(steps=5000, batch=64, muon=5e-3, adamw=1.5e-3, offset=0),
    "contrast": Stage(steps=900, batch=128, muon=3e-3, adamw=1e-3, offset=10_000),
}


class Learner(nn.Module):
    """The model and the temporary heads of the warm start."""

    def __init__(self) -> None:
        super().__init__()
        self.clip = open_clip.model.CLIP(**CONFIG["model_cfg"])
        self.clip.visual.output_tokens = True
        width, dim = CONFIG["model_cfg"]["vision_cfg"]["width"], CONFIG["model_cfg"]["embed_dim"]
        self.token_heads = nn.ModuleList(nn.Linear(width, FACT_SIZES[name] + 1) for name in TOKEN_FACTS)
        self.scene_heads = nn.ModuleList(nn.Linear(dim, size) for size in FACT_SIZES.values())

    def look(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return image embeddings (b, dim) and patch tokens (b, patches, width)."""
        preprocess = CONFIG["preprocess_cfg"]
        mean, std = (torch.tensor(preprocess[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
        return self.clip.visual((pixels.float() / 255 - mean) / std)

    def read(self, text: torch.Tensor) -> torch.Tensor:
        """Return text embeddings (b, dim), as `encode_text` does, without computing the padding."""
        used = int((text != 0).sum(1).max())
        x = self.clip.token_embedding(text[:, :used]) + self.clip.positional_embedding[:used]
        x = self.clip.ln_final(self.clip.transformer(x, attn_mask=self.clip.attn_mask[:used, :used]))
        return (
            x[torch.arange(len(x)), text.argmax(1)] @ self.clip.text_projection
        )  # the end token has the largest number

    def fact_losses(self, image: torch.Tensor, tokens: torch.Tensor, batch: SceneBatch) -> torch.Tensor:
        """Return the fact losses: half of the token loss is for kinds, an eighth for each other fact; plus a mean."""
        each = [fact_loss(head(tokens), batch.patches[..., i]) for i, head in enumerate(self.token_heads)]
        scene = [fact_loss(head(image), batch.scene[:, i]) for i, head in enumerate(self.scene_heads)]
        return 2 * each[0] + sum(each[1:]) / 2 + sum(scene) / len(scene)

    def contrast(self, image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Compute symmetric InfoNCE over the batch."""
        logits = self.clip.logit_scale.exp().clamp(max=100) * F.normalize(image) @ F.normalize(text).T
        target = torch.arange(len(image))
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def _losses(learner: Learner, name: str, batch: SceneBatch) -> dict[str, torch.Tensor]:
    with attention_in_float32(), torch.autocast("cpu", torch.bfloat16):
        image, tokens = learner.look(batch.pixels)
        losses = {"facts": learner.fact_losses(image, tokens, batch)}
        if name == "contrast":
            losses["contrast"] = learner.contrast(image.float(), learner.read(batch.text).float())
    return losses


def train_stage(learner: Learner, name: str, work: Path) -> None:
    """Run or resume one stage, with a checkpoint and a line of the log every 100 steps."""
    stage = STAGES[name]
    blocks = (learner.clip.visual.transformer, learner.clip.transformer)
    optimisers = muon_and_adamw(learner, blocks, stage.muon, stage.adamw)
    path = work / f"{name}.safetensors"
    start = load_state(path, learner, optimisers)
    tokenise = open_clip.SimpleTokenizer(context_length=CONFIG["model_cfg"]["text_cfg"]["context_length"])
    first = stage.offset + start
    batches = scene_batches(tokenise, batch=stage.batch, patch=PATCH, steps=range(first, stage.offset + stage.steps))
    bar = tqdm(enumerate(batches, start), total=stage.steps, initial=start, desc=name)
    for step, batch in bar:
        for optimiser, peak in zip(optimisers, (stage.muon, stage.adamw), strict=True):
            optimiser.param_groups[0]["lr"] = peak * schedule(step, stage.steps)
            optimiser.zero_grad()
        losses = _losses(learner, name, batch)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
        if (step + 1) % 100 == 0 or step + 1 == stage.steps:
            save_state(path, learner, optimisers, step + 1)
            line = {"stage": name, "step": step + 1, **{k: round(v.item(), 4) for k, v in losses.items()}}
            bar.set_postfix(line)
            with open(work / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")


def ship(learner: Learner) -> None:
    """Write the float16 weights that the repository ships, in open_clip's local-dir layout."""
    weights = {k: v.to(torch.float16).contiguous() for k, v in learner.clip.state_dict().items()}
    save_file(weights, FOLDER / "open_clip_model.safetensors", {"format": "pt"})


def main(seed: int = 0) -> None:
    """Train both stages from the seed, and write the shipped weights."""
    work = cache_root() / "training" / "scenes-clip"
    work.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # only the initial weights; the fork leaves the caller's generator alone
        learner = Learner()
    for stage in STAGES:
        train_stage(learner, stage, work)
    ship(learner)


if __name__ == "__main__":
    typer.run(main)
