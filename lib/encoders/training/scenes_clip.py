"""Train the small open_clip model of the scenes world: `python -m lib.encoders.training.scenes_clip`.

Two stages, because contrastive training alone learns colours and backgrounds long before it learns shapes:
1. warm start: every patch token names the facts of the object that covers it, and the image embedding the facts of
   the whole scene;
2. contrastive training of both towers (Radford et al., ICML 2021) on freshly rendered scenes and captions, with the
   loss of the first stage kept at half its weight.
The run can be stopped and started again; it goes on from its last checkpoint. About an hour on two cores.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
import typer
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from lib.data.files import ROOT, cache_root
from lib.encoders.shim import ensure_torchvision
from lib.encoders.training.stream import FACT_SIZES, TOKEN_FACTS, SceneBatch, fact_loss, scene_batches

ensure_torchvision()
import open_clip  # noqa: E402 (torchvision must be mended first)

FOLDER = ROOT / "lib" / "encoders" / "models" / "scenes-clip"
CONFIG = json.loads((FOLDER / "open_clip_config.json").read_text())
PATCH: int = CONFIG["model_cfg"]["vision_cfg"]["patch_size"]
STAGES = {"tokens": (1200, 128), "contrast": (1100, 192)}
"""Steps and batch size of each stage."""


class Learner(nn.Module):
    """The model and the throw-away heads of the warm start."""

    def __init__(self) -> None:
        super().__init__()
        self.clip = open_clip.model.CLIP(**CONFIG["model_cfg"])
        self.clip.visual.output_tokens = True
        width, dim = CONFIG["model_cfg"]["vision_cfg"]["width"], CONFIG["model_cfg"]["embed_dim"]
        self.token_heads = nn.ModuleList(nn.Linear(width, FACT_SIZES[name] + 1) for name in TOKEN_FACTS)
        self.scene_heads = nn.ModuleList(nn.Linear(dim, size) for size in FACT_SIZES.values())

    def look(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Image embeddings (b, dim) and patch tokens (b, patches, width)."""
        preprocess = CONFIG["preprocess_cfg"]
        mean, std = (torch.tensor(preprocess[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
        return self.clip.visual((pixels.float() / 255 - mean) / std)

    def fact_losses(self, image: torch.Tensor, tokens: torch.Tensor, batch: SceneBatch) -> torch.Tensor:
        """Kind counts for half of the token loss, the other four facts for an eighth each; scene facts add a mean."""
        each = [fact_loss(head(tokens), batch.patches[..., i]) for i, head in enumerate(self.token_heads)]
        scene = [fact_loss(head(image), batch.scene[:, i]) for i, head in enumerate(self.scene_heads)]
        return 2 * each[0] + sum(each[1:]) / 2 + sum(scene) / len(scene)

    def contrast(self, image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Symmetric InfoNCE over the batch."""
        logits = self.clip.logit_scale.exp().clamp(max=100) * F.normalize(image) @ F.normalize(text).T
        target = torch.arange(len(image))
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def _attention_in_float32() -> None:
    """The backward pass of bfloat16 attention is several times slower than float32 on CPUs."""
    attention = F.scaled_dot_product_attention

    def wrapped(q, k, v, *args, **kwargs):
        with torch.autocast("cpu", enabled=False):
            return attention(q.float(), k.float(), v.float(), *args, **kwargs)

    F.scaled_dot_product_attention = wrapped  # type: ignore[assignment]


def _rate(step: int, steps: int, peak: float) -> float:
    warm = min(1.0, (step + 1) / 100)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def _save(path: Path, learner: Learner, optimiser: torch.optim.Optimizer, stage: str, step: int) -> None:
    tensors = {f"model.{name}": value for name, value in learner.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": value for name, value in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {k: v.contiguous() for k, v in tensors.items()}, path.with_suffix(".new"), {"stage": stage, "step": str(step)}
    )
    path.with_suffix(".new").replace(path)


def _load(path: Path, learner: Learner, optimiser: torch.optim.Optimizer) -> None:
    tensors = load_file(path)
    learner.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, number, name = key.split(".")
            state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def train_stage(learner: Learner, stage: str, work: Path) -> None:
    """Run or resume one stage; a checkpoint every 100 steps, a line of the log every 20."""
    steps, size = STAGES[stage]
    peak = {"tokens": 1.5e-3, "contrast": 1e-3}[stage]
    optimiser = torch.optim.AdamW(learner.parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.05)
    path, start = work / f"{stage}.safetensors", 0
    if path.exists():
        from safetensors import safe_open

        with safe_open(path, "pt") as stored:
            start = int(stored.metadata()["step"])
        _load(path, learner, optimiser)
    tokenise = open_clip.SimpleTokenizer(context_length=CONFIG["model_cfg"]["text_cfg"]["context_length"])
    bar = tqdm(total=steps, initial=start, desc=stage)
    offset = 0 if stage == "tokens" else 10_000  # other scenes in the second stage
    batches = scene_batches(tokenise, batch=size, patch=PATCH, steps=range(offset + start, offset + steps))
    for step, batch in zip(range(start, steps), batches, strict=True):
        for group in optimiser.param_groups:
            group["lr"] = _rate(step, steps, peak)
        with torch.autocast("cpu", torch.bfloat16):
            image, tokens = learner.look(batch.pixels)
            facts = learner.fact_losses(image, tokens, batch)
            loss = facts
            if stage == "contrast":
                contrast = learner.contrast(image.float(), learner.clip.encode_text(batch.text).float())
                loss = contrast + 0.5 * facts
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimiser.step()
        bar.update()
        if step % 20 == 0:
            kinds = learner.scene_heads[0](image.float()).argmax(1) == batch.scene[:, 0]
            line = {
                "stage": stage,
                "step": step,
                "loss": loss.item(),
                "facts": facts.item(),
                "main": kinds.float().mean().item(),
            }
            if stage == "contrast":
                line["contrast"] = contrast.item()
            with open(work / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
        if (step + 1) % 100 == 0 or step + 1 == steps:
            _save(path, learner, optimiser, stage, step + 1)


def ship(learner: Learner) -> None:
    """Write the float16 weights that the repository carries, in open_clip's local-dir layout."""
    weights = {k: v.to(torch.float16).contiguous() for k, v in learner.clip.state_dict().items()}
    save_file(weights, FOLDER / "open_clip_model.safetensors", {"format": "pt"})


def main(seed: int = 0) -> None:
    """Train both stages from the seed and write the shipped weights."""
    _attention_in_float32()
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
