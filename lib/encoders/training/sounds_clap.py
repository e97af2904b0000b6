"""Train the small CLAP of the sounds world: `python -m lib.encoders.training.sounds_clap`.

It is a small `transformers.ClapModel` (Wu et al., ICASSP 2023), trained from random weights. The loss is the
contrastive loss of both towers; in addition, the sound's embedding must name the facts of its sound, since contrastive
training alone learns tempo and loudness long before it learns instruments. Sounds come from a fixed set whose
spectrograms are computed once; captions are new at every step. You can stop the run and start it again; it continues
from its last checkpoint. It takes half an hour on one core.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import typer
from torch import nn
from tqdm import tqdm

from lib.base.files import cache_root, cached
from lib.base.places import MODELS
from lib.base.progress import progress
from lib.data.procedural import SILENT, choose
from lib.data.sounds.score import LENGTH, RATE
from lib.data.sounds.sound_grammar import FACTORS, VALUES, factors, phrase, vocabulary
from lib.data.sounds.sound_pairs import VERSION, score_of, sound_of
from lib.encoders.log_mel import log_mel
from lib.encoders.shim import ensure_torchvision
from lib.encoders.training.recipe import attention_in_float32, load_state, muon_and_adamw, save_state, schedule

ensure_torchvision()
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: E402
from transformers import (  # noqa: E402 (transformers needs a working torchvision first)
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    PreTrainedTokenizerFast,
)

FOLDER = MODELS / "sounds-clap"
SEED = 1000
"""The seed of training sounds; the pairs that users see have seed 0."""

SOUNDS, STEPS, BATCH, MUON, ADAMW = 16_000, 2000, 64, 4e-3, 1.5e-3
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
BINS = 64
"""Number of mel bins, and of frames in the two seconds of a sound: the audio tower sees a square."""


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Make a tokenizer with one token for every word of the sounds' captions, and with RoBERTa's marks around them."""
    words = {word: number for number, word in enumerate((*SPECIAL, *vocabulary()))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))  # noqa: S106  # a word of the vocabulary
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marks = [(mark, words[mark]) for mark in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=marks)
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names, model_max_length=64)


def make_extractor() -> ClapFeatureExtractor:
    """Make an extractor of BINS frames with BINS mel bins for two seconds."""
    return ClapFeatureExtractor(
        feature_size=BINS,
        sampling_rate=RATE,
        hop_length=LENGTH // BINS + 4,  # so that there are BINS frames, with one at each end
        max_length_s=LENGTH // RATE,
        frequency_min=50,
        frequency_max=RATE // 2,
        truncation="rand_trunc",
    )


def make_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> ClapModel:
    """Make HTSAT with three stages of two blocks, a text tower of two layers, and a joint space of 128 dimensions."""
    width, stages = 64, 3
    audio = {
        "num_mel_bins": BINS,
        "spec_size": BINS,
        "window_size": 4,
        "depths": [2] * stages,
        "num_attention_heads": [2, 4, 8],
        "patch_embeds_hidden_size": width,
        "hidden_size": width << stages - 1,
        "hidden_dropout_prob": 0.0,
    }
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 384,
        "max_position_embeddings": 66,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # only the initial weights; the fork leaves the caller's generator alone
        return ClapModel(ClapConfig(audio_config=audio, text_config=text, projection_dim=128))


class Learner(nn.Module):
    """The model and the temporary heads for the facts."""

    def __init__(self, model: ClapModel, seed: int) -> None:
        super().__init__()
        self.clap = model
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.heads = nn.ModuleList(nn.Linear(model.config.projection_dim, len(values)) for values in VALUES)

    def losses(
        self, mels: torch.Tensor, facts: torch.Tensor, tokens: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Return symmetric InfoNCE over the batch, and three times the mean cross-entropy of the facts."""
        pooled = self.clap.audio_model(input_features=mels).pooler_output
        audio = self.clap.audio_projection(pooled).float()
        text = self.clap.get_text_features(**tokens).pooler_output.float()
        cosines = F.normalize(audio) @ text.T
        scales = (scale.exp().clamp(max=100) for scale in (self.clap.logit_scale_a, self.clap.logit_scale_t))
        target = torch.arange(len(cosines))
        both = [F.cross_entropy(s * c, target) for s, c in zip(scales, (cosines, cosines.T), strict=True)]
        each = [F.cross_entropy(head(audio), facts[:, i], ignore_index=SILENT) for i, head in enumerate(self.heads)]
        return {"contrast": (both[0] + both[1]) / 2, "facts": 3 * torch.stack(each).mean()}


def training_mels(extractor: ClapFeatureExtractor) -> np.ndarray:
    """Compute the spectrograms of the training sounds, float16 (SOUNDS, frames, bins), unless they are in the cache."""

    def build(folder: Path) -> None:
        mels = np.empty((SOUNDS, BINS, BINS), np.float16)
        for start in progress(range(0, SOUNDS, BATCH), desc="spectrograms"):
            rows = range(start, min(start + BATCH, SOUNDS))
            samples = np.stack([sound_of("train", SEED, row).samples for row in rows])
            mels[rows] = log_mel(torch.from_numpy(samples), extractor)[:, 0].numpy()
        np.save(folder / "mels.npy", mels)

    key = {"world": "sounds", "version": VERSION, "seed": SEED, "n": SOUNDS, "features": extractor.to_dict()}
    return np.load(cached("training-mels", key, build) / "mels.npy", mmap_mode="r")


def train(learner: Learner, tokenizer: PreTrainedTokenizerFast, extractor: ClapFeatureExtractor) -> None:
    """Run or resume the training, with a checkpoint and a line of the log every 100 steps."""
    work = cache_root() / "training" / "sounds-clap"
    work.mkdir(parents=True, exist_ok=True)
    mels = training_mels(extractor)
    truth = np.stack([factors(score_of("train", SEED, row)) for row in range(SOUNDS)])
    blocks = (learner.clap.audio_model.audio_encoder.layers, learner.clap.text_model.encoder)
    optimisers = muon_and_adamw(learner, blocks, MUON, ADAMW)
    start = load_state(work / "state.safetensors", learner, optimisers)
    bar = tqdm(range(start, STEPS), total=STEPS, initial=start)
    for step in bar:
        random = np.random.default_rng([SEED, step])
        rows = random.choice(SOUNDS, BATCH, replace=False)
        texts = [phrase(choose(truth[row], int(random.integers(1, len(FACTORS) + 1)), random), random) for row in rows]
        tokens = tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        for optimiser, peak in zip(optimisers, (MUON, ADAMW), strict=True):
            optimiser.param_groups[0]["lr"] = peak * schedule(step, STEPS)
            optimiser.zero_grad()
        with attention_in_float32(), torch.autocast("cpu", torch.bfloat16):
            pixels = torch.from_numpy(mels[rows].astype(np.float32))[:, None]
            losses = learner.losses(pixels, torch.from_numpy(truth[rows].astype(np.int64)), dict(tokens))
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
        if (step + 1) % 100 == 0 or step + 1 == STEPS:
            save_state(work / "state.safetensors", learner, optimisers, step + 1)
            line = {"step": step + 1, **{k: round(v.item(), 4) for k, v in losses.items()}}
            bar.set_postfix(line)
            with open(work / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")


def ship(model: ClapModel, tokenizer: PreTrainedTokenizerFast, extractor: ClapFeatureExtractor) -> None:
    """Write the folder that the repository ships, with weights in float16."""
    model.half().save_pretrained(FOLDER)
    tokenizer.save_pretrained(FOLDER)
    extractor.save_pretrained(FOLDER)


def main(seed: int = 0) -> None:
    """Train from the seed and write the shipped model; `lib.papers.p3.n32_sounds` measures it."""
    tokenizer, extractor = make_tokenizer(), make_extractor()
    learner = Learner(make_model(tokenizer, seed), seed)
    learner.train()
    train(learner, tokenizer, extractor)
    ship(learner.clap, tokenizer, extractor)


if __name__ == "__main__":
    typer.run(main)
