"""Paper 2: does decoding by shared concepts keep a multimodal LLM from naming things that are not there?

Source: Shen et al. 2025, arXiv 2510.21323, sections 3.4 and 4.3. We test a suspicion: with a plausibility
cut at 0.8 decoding is nearly greedy, while the regular baseline samples at temperature 1, so the cut alone may explain
the gain. And a shift that is the same for all words may not be able to inform a model of what is there, whatever the
concepts: so words are also moved to those of the true list of what is there (the oracle), and of another picture's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lib.data.scenes.questions import NEGATIVES, list_kinds, object_questions
from lib.data.scenes.scene_pairs import layout_of
from lib.editing.concept_decoding import ConceptEdit, TowardsEdit, decoding_rules, mean_representations
from lib.editing.pictures_read import PicturesRead
from lib.encoders.llava import Llava
from lib.metrics.hallucination import pope
from lib.papers.p2.n22_edits import EDITED_LAYER, first_pictures, plain_representations, scenes_llava, train_edits
from lib.papers.p2.n22_evidence import ANOTHER, ORACLE
from lib.papers.p2.n22_partners import MakeEdit, answers_to, edited_logits
from lib.worlds.session import Session

QUESTIONED_SCENES = 32
"""Test scenes that questions are asked about."""


@cache
def true_words() -> Tensor:
    """Mean words of the true list of what is in each questioned test scene, at EDITED_LAYER, (scenes, d)."""
    lists = [list_kinds(layout_of("test", 0, row)).answer for row in range(QUESTIONED_SCENES)]
    return mean_representations(scenes_llava(), first_pictures("test", QUESTIONED_SCENES), lists, EDITED_LAYER)[1]


def oracles(scenes: Tensor) -> dict[tuple[str, int | None], MakeEdit]:
    """Makers of the edits that move words to those of the true list of each scene, and to those of the next scene's."""

    def towards(target: Tensor) -> MakeEdit:
        return lambda rows: TowardsEdit(target[scenes[rows]], EDITED_LAYER)

    return {(ORACLE, None): towards(true_words()), (ANOTHER, None): towards(true_words().roll(-1, dims=0))}


def always(edit: ConceptEdit) -> MakeEdit:
    """The maker of an edit that is the same for all rows."""
    return lambda _rows: edit


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
    scenes, images = torch.tensor(unique.scene.tolist()), first_pictures("test", QUESTIONED_SCENES)
    pictures = PicturesRead(model, images)
    drowned = PicturesRead(model, images, noise=torch.Generator().manual_seed(0))
    words, real = pictures.words(unique.prompt.tolist())
    trained = train_edits(session, plain_representations())
    edits: dict[tuple[str, int | None], MakeEdit] = {key: always(edit) for key, edit in trained.items()}
    edits |= oracles(scenes)
    found = answers_to(pictures, scenes, words, real)
    edited = edited_logits(pictures, scenes, real, found.behind, edits)
    noisy = answers_to(drowned, scenes, words, real).logits
    tables = []
    for (rule, seed), chances in rules_of(found.logits, noisy, edited).items():
        answered = asked.merge(unique.assign(chance=chance_of_yes(model, chances)), on=["scene", "prompt"])
        tables += [answered.assign(rule=rule, seed=one) for one in (session.seeds if seed is None else [seed])]
    return pd.concat(tables, ignore_index=True)


def rules_of(
    plain: Tensor, noisy: Tensor | None, edited: Mapping[tuple[str, int | None], Tensor]
) -> dict[tuple[str, int | None], Tensor]:
    """`decoding_rules` by rule and seed; edited: logits by the name of an edit and its seed (None: of no training)."""
    found: dict[tuple[str, int | None], Tensor] = {}
    for rule, chances in decoding_rules(plain, noisy, {}).items():
        found[rule, None] = chances
    for (name, seed), logits in edited.items():
        for rule, chances in decoding_rules(plain, None, {name: logits}).items():
            if rule.startswith(name):
                found[rule, seed] = chances
    return found


def chance_of_yes(model: Llava, chances: Tensor) -> np.ndarray:
    """The chance that an answer begins with yes, float64 (n,), from that of every word (n, vocabulary)."""
    return chances[:, model.first_tokens("yes")].sum(dim=1).numpy()


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


def mean_accuracy(table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy averaged over the three kinds of negatives, one row per rule and seed."""
    return table.groupby(["rule", "seed"], as_index=False).accuracy.mean()
