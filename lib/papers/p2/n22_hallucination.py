"""Paper 2: does decoding by shared concepts keep a multimodal LLM from naming things that are not there?

Source: Shen et al. 2025, arXiv 2510.21323, sections 3.4 and 4.3. We test a suspicion: with a plausibility
cut at 0.8 decoding is nearly greedy, while the regular baseline samples at temperature 1, so the cut alone may explain
the gain. And a shift that is the same for all words may not be able to inform a model of what is there, whatever the
concepts: so words are also moved to those of the true list of what is there (the oracle), and of another picture's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lib.base.files import cached
from lib.base.progress import progress
from lib.data.scenes.questions import NEGATIVES, describe, list_kinds, object_questions, read
from lib.data.scenes.scene_pairs import layout_of, picture_of
from lib.editing.concept_decoding import (
    ConceptEdit,
    Edit,
    TowardsEdit,
    decoding_rules,
    mean_representations,
    next_logits,
)
from lib.encoders.embeddings import Embeddings
from lib.encoders.llava import Llava, load_llava
from lib.metrics.hallucination import ChairScores, chair, pope
from lib.papers.p2.n22_evidence import ANOTHER, ORACLE
from lib.sae.config import TrainConfig, TwoTowerConfig
from lib.sae.models.auxiliary import Similarity, train_auxiliary
from lib.sae.models.two_towers import TOWERS, TwoTowers
from lib.sae.training.train import train_cached
from lib.worlds.session import Session

EDITED_LAYER = 2
"""Number of the block whose output is read and edited: the last but one of four; the paper has number 29 of 32."""

_PAIRS, _WIDTH, _K, _STEPS, _BATCH, _RATE = 600, 1024, 16, 300, 128, 1e-3
QUESTIONED_SCENES, CAPTIONED_SCENES, LONGEST_LIST = 32, 24, 10
"""Test scenes that questions are asked about, test scenes that are described, and the largest number of words of a
description.
"""

MIXINGS = ("additive", "convex")
"""Rules for mixing the picture's code into the words'."""


@cache
def scenes_llava() -> Llava:
    """The small multimodal LLM of the scenes world."""
    return load_llava("scenes-llava")


def first_pictures(split: str, count: int) -> list:
    """Return the first pictures of a split, as PIL images."""
    from PIL import Image

    return [Image.fromarray(picture_of(split, 0, row)) for row in range(count)]


def collect_representations() -> Embeddings:
    """Representations of training scenes with their plainest descriptions at EDITED_LAYER, computed once and cached."""
    model = scenes_llava()
    key = {"llava": model.identity, "layer": EDITED_LAYER, "pairs": _PAIRS, "version": 1}

    def build(folder: Path) -> None:
        texts = [describe(layout_of("train", 0, row)).answer for row in range(_PAIRS)]
        image, text = mean_representations(model, first_pictures("train", _PAIRS), texts, EDITED_LAYER)
        np.save(folder / "image.npy", image.numpy())
        np.save(folder / "text.npy", text.numpy())

    folder = cached("llava", key, build)
    image, text = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("image", "text"))
    return Embeddings(np.arange(_PAIRS).astype(str), image, text, model.name, normalised=False, identity=key)


def train_edits(session: Session, similarity: Similarity = "cosine") -> dict[str, ConceptEdit]:
    """Train auxiliary autoencoder and VL-SAE with every seed, and make an edit per mixing rule, by rule and seed."""
    rows = collect_representations()
    made: dict[str, ConceptEdit] = {}
    for seed in session.seeds:
        auxiliary = train_auxiliary(rows, similarity=similarity, seed=seed)
        config = TrainConfig(
            TwoTowerConfig("vl_sae", _WIDTH, _K), steps=_STEPS, batch=_BATCH, lr=_RATE, dead_after=3 * _PAIRS, seed=seed
        )
        sae = train_cached(config, auxiliary.common(rows), TOWERS).sae
        assert isinstance(sae, TwoTowers)
        for mixing in MIXINGS:
            edit = ConceptEdit(auxiliary, sae, EDITED_LAYER, mixing)  # type: ignore[arg-type]
            made[f"concepts, {mixing}, {seed}"] = edit
    return made


@cache
def true_words() -> torch.Tensor:
    """Mean words of the true list for each questioned test scene, at EDITED_LAYER, (scenes, d)."""
    lists = [list_kinds(layout_of("test", 0, row)).answer for row in range(QUESTIONED_SCENES)]
    return mean_representations(scenes_llava(), first_pictures("test", QUESTIONED_SCENES), lists, EDITED_LAYER)[1]


def oracles(scenes: torch.Tensor) -> dict[str, Edit]:
    """Make the edits that move words to those of the true list of each scene, and to those of the next scene's."""
    targets = {ORACLE: true_words(), ANOTHER: true_words().roll(-1, dims=0)}
    return {name: TowardsEdit(target[scenes], EDITED_LAYER) for name, target in targets.items()}


def question_table() -> pd.DataFrame:
    """List all questions, one row each: negatives, scene, prompt, yes (whether that is the right answer)."""
    rows = [
        {"negatives": how, "scene": row, "prompt": question.prompt, "yes": question.answer == "yes"}
        for how in NEGATIVES
        for row in range(QUESTIONED_SCENES)
        for question in object_questions("test", 0, row, how)
    ]
    return pd.DataFrame(rows)


def answer_questions(session: Session) -> pd.DataFrame:
    """`question_table` for each rule and seed, with the chance of the answer yes: rule, seed, chance.

    A question that occurs in several lists is asked once.
    """
    model, asked = scenes_llava(), question_table()
    unique = asked[["scene", "prompt"]].drop_duplicates().reset_index(drop=True)
    images = first_pictures("test", QUESTIONED_SCENES)
    every = train_edits(session)
    generator = torch.Generator().manual_seed(0)
    yes = model.first_tokens("yes")
    parts: dict[str, list[np.ndarray]] = {}
    scenes = torch.tensor(unique.scene.tolist())
    batches = list(model.batches([images[row] for row in unique.scene], unique.prompt.tolist()))
    for inputs in progress(batches, desc="questions"):
        asked_now, scenes = scenes.tensor_split([len(inputs["input_ids"])])
        edits = {**every, **oracles(asked_now)}
        for name, found in decoding_rules(*next_logits(model, inputs, edits, generator)).items():
            parts.setdefault(name, []).append(found[:, yes].sum(dim=1).numpy())
    tables = []
    for name, chances in parts.items():
        rule, seed = _rule_and_seed(name)
        answered = asked.merge(unique.assign(chance=np.concatenate(chances)), on=["scene", "prompt"])
        tables += [answered.assign(rule=rule, seed=one) for one in (session.seeds if seed is None else [seed])]
    return pd.concat(tables, ignore_index=True)


def pope_table(answered: pd.DataFrame) -> pd.DataFrame:
    """POPE, one row per rule, negatives and seed: accuracy with its 95 % interval, precision, recall, F1, yes, n."""
    rows = []
    for (rule, how, seed), group in answered.groupby(["rule", "negatives", "seed"], sort=False):
        found = pope(group.chance.to_numpy().clip(0, 1), group.yes.to_numpy())
        interval = found.interval(np.random.default_rng(0))
        about = {"rule": rule, "negatives": how, "seed": seed, "accuracy": found.accuracy}
        about |= {"low": interval.low, "high": interval.high, "n": len(group)}
        rows.append(about | {key: getattr(found, key) for key in ("precision", "recall", "f1", "yes")})
    return pd.DataFrame(rows)


CHAIR_RULES = ("regular", "greedy", "cut only", "concepts, additive", "concepts, convex", ORACLE)
"""Ways of decoding for listing the objects in a picture."""


def count_listed_objects(session: Session) -> pd.DataFrame:
    """Count the objects of every list, one row per rule, seed and picture.

    Columns: wrong (named and not there), said (all that are named), found (named and there), there (all that are).
    """
    every = train_edits(session)
    there = [set(read(list_kinds(layout_of("test", 0, row)).answer)) for row in range(CAPTIONED_SCENES)]
    rows = []
    for seed in session.seeds:
        mine = {f"concepts, {mixing}": every[f"concepts, {mixing}, {seed}"] for mixing in MIXINGS}
        for rule in CHAIR_RULES:
            said = [[fact for fact in read(text) if fact[0] == 0] for text in list_objects(rule, mine, seed)]
            counts = pd.DataFrame(vars(chair(said, there)))
            rows.append(counts.assign(rule=rule, seed=seed, picture=np.arange(CAPTIONED_SCENES)))
    return pd.concat(rows, ignore_index=True)


def chair_table(listed: pd.DataFrame) -> pd.DataFrame:
    """One row for each rule and seed: CHAIR_S, CHAIR_I with its interval, recall, objects per list."""
    rows = []
    for (rule, seed), group in listed.groupby(["rule", "seed"], sort=False):
        found = ChairScores(*(group[count].to_numpy() for count in ("wrong", "said", "found", "there")))
        interval = found.interval(np.random.default_rng(0))
        about = {"rule": rule, "seed": seed, "captions": found.captions, "objects": found.objects}
        about |= {"low": interval.low, "high": interval.high, "recall": found.recall}
        rows.append(about | {"said": found.said.mean()})
    return pd.DataFrame(rows)


def list_objects(rule: str, concepts: Mapping[str, Edit], seed: int) -> list[str]:
    """Let the model list the objects in each test picture, word by word with a rule; the seed decides the draws."""
    model, generator = scenes_llava(), torch.Generator().manual_seed(seed)
    (inputs,) = model.batches(first_pictures("test", CAPTIONED_SCENES), ["what is in the picture"] * CAPTIONED_SCENES)
    every = {**concepts, **oracles(torch.arange(CAPTIONED_SCENES))}
    needed = {name: edit for name, edit in every.items() if name == rule}
    state, open_ = dict(inputs), torch.ones(CAPTIONED_SCENES, dtype=torch.bool)
    words: list[torch.Tensor] = []
    for _ in range(LONGEST_LIST):
        chances = decoding_rules(*next_logits(model, state, needed))[rule]
        token = torch.multinomial(chances, 1, generator=generator)[:, 0]
        token = torch.where(open_, token, torch.tensor(model.tokenizer.pad_token_id))
        open_ &= token != model.tokenizer.eos_token_id
        words.append(token)
        if not open_.any():
            break
        state["input_ids"] = torch.cat([state["input_ids"], token[:, None]], dim=1)
        state["attention_mask"] = torch.cat([state["attention_mask"], torch.ones_like(token)[:, None]], dim=1)
    return model.tokenizer.batch_decode(torch.stack(words, dim=1), skip_special_tokens=True)


def mean_accuracy(table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy averaged over the three kinds of negatives, one row per rule and seed."""
    return table.groupby(["rule", "seed"], as_index=False).accuracy.mean()


def _rule_and_seed(name: str) -> tuple[str, int | None]:
    """Split a name such as "concepts, additive, 1, no cut" into its rule and its seed (None where no edit was made)."""
    parts = name.split(", ")
    numbers = [part for part in parts if part.isdigit()]
    return ", ".join(part for part in parts if not part.isdigit()), int(numbers[0]) if numbers else None
