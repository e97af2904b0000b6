"""Paper 2, the second use: does decoding by shared concepts keep a multimodal LLM from seeing what is not there?

Shen et al. 2025, arXiv 2510.21323, sections 3.4 and 4.3. Claims C14 to C16 go on from the numbers of the embedding
claims. The suspicion that they test: with a plausibility cut at 0.8 decoding is all but greedy, and the regular
baseline samples at temperature 1, so that the cut alone may be the gain.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lib.data.files import cached
from lib.data.progress import progress
from lib.data.scenes.questions import NEGATIVES, describe, list_kinds, object_questions, read
from lib.data.scenes.world import layout_of, picture_of
from lib.editing.concept_decoding import ConceptEdit, next_logits, representations, rules
from lib.encoders.embeddings import Embeddings
from lib.encoders.llava import Llava, load_llava
from lib.metrics.hallucination import chair, pope
from lib.metrics.intervals import Interval, paired_difference
from lib.report.claims import Claim, claim_over_seeds
from lib.report.verdicts import Verdict, above, combine, verdict
from lib.run.start import Session
from lib.run.studies.monosemanticity_claims import per_seed
from lib.sae.auxiliary import Similarity, train_auxiliary
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.train import train_cached
from lib.sae.two_towers import TwoTowers, side_by_side

NOTEBOOK = "22_hallucination"
LAYER = 2
"""The last block but one of four, where the paper has number 29 of 32; read and edited at the same place."""

PAIRS, WIDTH, K, STEPS, BATCH, RATE = 600, 1024, 16, 300, 128, 1e-3
QUESTIONED, CAPTIONED, LONGEST = 32, 24, 10
"""Test scenes that questions are asked about, that are described, and the most words of a description."""

MARGIN = 0.01
TOLERANCES = {"C14": 0.005, "C15": 0.005, "C16": 0.26}
"""How far an effect may move on another machine.

The answers are not drawn: a few of the questions at the edge of the cut may change sides. Lists are drawn: twice the
range over seeds.
"""
MIXINGS = ("additive", "convex")


@cache
def llava() -> Llava:
    """The small multimodal LLM of the scenes world."""
    return load_llava("scenes-llava")


def pictures(split: str, count: int) -> list:
    """The first pictures of a split, as PIL images."""
    from PIL import Image

    return [Image.fromarray(picture_of(split, 0, row)) for row in range(count)]


def collected() -> Embeddings:
    """Representations of training scenes with their plainest descriptions, at LAYER; from the cache if there."""
    model = llava()
    key = {"llava": model.identity, "layer": LAYER, "pairs": PAIRS, "version": 1}

    def build(folder: Path) -> None:
        texts = [describe(layout_of("train", 0, row)).answer for row in range(PAIRS)]
        image, text = representations(model, pictures("train", PAIRS), texts, LAYER)
        np.save(folder / "image.npy", image.numpy())
        np.save(folder / "text.npy", text.numpy())

    folder = cached("llava", key, build)
    image, text = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("image", "text"))
    return Embeddings(np.arange(PAIRS).astype(str), image, text, model.name, normalised=False, identity=key)


def edits(session: Session, similarity: Similarity = "cosine") -> dict[str, ConceptEdit]:
    """`mixing, seed` to the edit with both mixing rules and every seed: auxiliary autoencoder, then VL-SAE."""
    rows = collected()
    made: dict[str, ConceptEdit] = {}
    for seed in session.seeds:
        auxiliary = train_auxiliary(rows, similarity=similarity, seed=seed)
        config = TrainConfig(
            SAEConfig("vl_sae", WIDTH, K), steps=STEPS, batch=BATCH, lr=RATE, dead_after=3 * PAIRS, seed=seed
        )
        sae = train_cached(config, side_by_side(auxiliary.common(rows))).sae
        assert isinstance(sae, TwoTowers)
        made |= {f"{mixing}, {seed}": ConceptEdit(auxiliary, sae, LAYER, mixing) for mixing in MIXINGS}  # type: ignore[arg-type]
    return made


def questions() -> pd.DataFrame:
    """One row a question: negatives, scene, prompt, yes (the right answer)."""
    rows = [
        {"negatives": how, "scene": row, "prompt": question.prompt, "yes": question.answer == "yes"}
        for how in NEGATIVES
        for row in range(QUESTIONED)
        for question in object_questions("test", 0, row, how)
    ]
    return pd.DataFrame(rows)


def answers(session: Session) -> pd.DataFrame:
    """`questions` with the chance of yes under each rule and seed: rule, seed, chance. A question is asked once."""
    model, asked = llava(), questions()
    unique = asked[["scene", "prompt"]].drop_duplicates().reset_index(drop=True)
    images = pictures("test", QUESTIONED)
    every = edits(session)
    generator = torch.Generator().manual_seed(0)
    yes = model.first_tokens("yes")
    parts: dict[str, list[np.ndarray]] = {}
    batches = list(model.batches([images[row] for row in unique.scene], unique.prompt.tolist()))
    for inputs in progress(batches, desc="questions"):
        for name, found in rules(*next_logits(model, inputs, every, generator)).items():
            parts.setdefault(name, []).append(found[:, yes].sum(dim=1).numpy())
    tables = []
    for name, chances in parts.items():
        rule, seed = _rule_and_seed(name)
        answered = asked.merge(unique.assign(chance=np.concatenate(chances)), on=["scene", "prompt"])
        tables += [answered.assign(rule=rule, seed=one) for one in (session.seeds if seed is None else [seed])]
    return pd.concat(tables, ignore_index=True)


def pope_table(answered: pd.DataFrame) -> pd.DataFrame:
    """One row for each rule, negatives and seed: accuracy with its 95 % interval, precision, recall, F1, yes, n."""
    rows = []
    for (rule, how, seed), group in answered.groupby(["rule", "negatives", "seed"], sort=False):
        found = pope(group.chance.to_numpy().clip(0, 1), group.yes.to_numpy())
        interval = found.interval(np.random.default_rng(0))
        about = {"rule": rule, "negatives": how, "seed": seed, "accuracy": found.accuracy}
        about |= {"low": interval.low, "high": interval.high, "n": len(group)}
        rows.append(about | {key: getattr(found, key) for key in ("precision", "recall", "f1", "yes")})
    return pd.DataFrame(rows)


CHAIR_RULES = ("regular", "greedy", "cut only", "concepts, additive", "concepts, convex")


def chair_table(session: Session) -> pd.DataFrame:
    """One row for each rule and seed: CHAIR_S, CHAIR_I with its interval, recall, objects a list."""
    every = edits(session)
    there = [set(read(list_kinds(layout_of("test", 0, row)).answer)) for row in range(CAPTIONED)]
    rows = []
    for seed in session.seeds:
        mine = {mixing: every[f"{mixing}, {seed}"] for mixing in MIXINGS}
        for rule in CHAIR_RULES:
            said = [[fact for fact in read(text) if fact[0] == 0] for text in listed(rule, mine, seed)]
            found = chair(said, there)
            interval = found.interval(np.random.default_rng(0))
            about = {"rule": rule, "seed": seed, "captions": found.captions, "objects": found.objects}
            about |= {"low": interval.low, "high": interval.high, "recall": found.recall}
            rows.append(about | {"said": found.said.mean()})
    return pd.DataFrame(rows)


def listed(rule: str, every: dict[str, ConceptEdit], seed: int) -> list[str]:
    """What a rule says is in each test picture, word by word; the sampling draws from a generator of the seed."""
    model, generator = llava(), torch.Generator().manual_seed(seed)
    (inputs,) = model.batches(pictures("test", CAPTIONED), ["what is in the picture"] * CAPTIONED)
    needed = {name: edit for name, edit in every.items() if rule == f"concepts, {name}"}
    state, open_ = dict(inputs), torch.ones(CAPTIONED, dtype=torch.bool)
    words: list[torch.Tensor] = []
    for _ in range(LONGEST):
        chances = rules(*next_logits(model, state, needed))[rule]
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
    """Rule by seed: accuracy, mean over the three kinds of negatives."""
    return table.groupby(["rule", "seed"], as_index=False).accuracy.mean()


def gain_interval(answered: pd.DataFrame, rule: str, other: str) -> Interval:
    """95 % interval of a rule's gain in expected accuracy over another, mean over seeds, questions drawn anew."""
    right = answered.assign(right=np.where(answered.yes, answered.chance, 1 - answered.chance))
    by = right.groupby(["rule", "negatives", "scene", "prompt"]).right.mean()
    return paired_difference(by[rule].to_numpy(), by[other].to_numpy(), np.random.default_rng(0))


def claims(answered: pd.DataFrame, popes: pd.DataFrame, chairs: pd.DataFrame) -> list[Claim]:
    """C14: better than sampling. C15: and than the cut alone. C16: fewer objects that are not there."""
    mean = mean_accuracy(popes)
    get = {rule: per_seed(mean, "accuracy", rule=rule) for rule in mean.rule.unique()}
    concept = get["concepts, additive"]
    gain, beyond = concept - get["regular"], concept - get["cut only"]
    convex = get["concepts, convex"] - get["regular"]
    n = int(popes.drop_duplicates("negatives").n.sum())
    controls = {rule: values.mean() for rule, values in get.items()}
    objects = {rule: per_seed(chairs, "objects", rule=rule) for rule in CHAIR_RULES}
    fewer = objects["regular"] - objects["concepts, additive"]
    than_cut = objects["cut only"] - objects["concepts, additive"]
    over, past = (gain_interval(answered, "concepts, additive", rule) for rule in ("regular", "cut only"))
    both = [verdict(above(gain, MARGIN)), verdict(above(convex, MARGIN))]
    chair_parts = [verdict(above(fewer, MARGIN)), verdict(above(than_cut, MARGIN))]
    return [
        _claim(
            "C14",
            popes,
            gain,
            above(gain, MARGIN),
            combine(both),
            "concept-level decoding answers yes/no questions about objects better than sampling at temperature 1",
            "expected accuracy, concepts (additive) minus regular sampling, mean over three kinds of negatives",
            f"margin {MARGIN}: additive rule {both[0]}, convex rule {both[1]}",
            controls | {"95 % low": over.low, "95 % high": over.high},
            n,
        ),
        _claim(
            "C15",
            popes,
            beyond,
            above(beyond, MARGIN),
            verdict(above(beyond, MARGIN)),
            "the concepts add to what the plausibility cut alone gives",
            "expected accuracy, concepts (additive) minus cut only, mean over three kinds of negatives",
            f"margin {MARGIN} in every seed; the paper has no such row, nor a greedy one",
            {rule: get[rule].mean() for rule in ("regular", "cut only", "greedy")}
            | {"95 % low": past.low, "95 % high": past.high},
            n,
        ),
        _claim(
            "C16",
            chairs,
            fewer,
            above(fewer, MARGIN),
            combine(chair_parts),
            "lists of what is in the picture name fewer absent objects than sampling and than the cut alone",
            "CHAIR_I, regular sampling minus concepts (additive)",
            f"margin {MARGIN}: than sampling {chair_parts[0]}, than the cut alone {chair_parts[1]}",
            {rule: values.mean() for rule, values in objects.items()}
            | {
                f"{rule}, 95 % {end}": per_seed(chairs, end, rule=rule).mean()
                for rule in ("regular", "cut only", "concepts, additive")
                for end in ("low", "high")
            },
            CAPTIONED,
        ),
    ]


def _claim(
    claim: str,
    table: pd.DataFrame,
    effects: np.ndarray,
    holds: list[bool],
    outcome: Verdict,
    statement: str,
    metric: str,
    why: str,
    controls: dict[str, float],
    n: int,
) -> Claim:
    seeds = sorted(int(seed) for seed in table.seed.unique())
    return claim_over_seeds(
        f"p2.{claim}",
        dict(zip(seeds, effects.tolist(), strict=True)),
        holds,
        controls=controls,
        statement=statement,
        expected="greater",
        metric=metric,
        n=n,
        verdict=outcome,
        why=why,
        tolerance=TOLERANCES[claim],
        notebook=NOTEBOOK,
    )


def _rule_and_seed(name: str) -> tuple[str, int | None]:
    """`concepts, additive, 1, no cut` as its rule without the seed, and the seed, None where no edit was made."""
    parts = name.split(", ")
    numbers = [part for part in parts if part.isdigit()]
    return ", ".join(part for part in parts if not part.isdigit()), int(numbers[0]) if numbers else None
