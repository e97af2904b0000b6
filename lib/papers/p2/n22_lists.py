"""Paper 2, notebook 22: lists of what is in the picture, written word by word by every rule (CHAIR)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lib.data.scenes.questions import Question, read
from lib.editing.concept_decoding import ConceptEdit, TowardsEdit
from lib.editing.pictures_read import WordsRead
from lib.encoders.training.paired_llava import second_turn
from lib.metrics.hallucination import ChairScores, chair
from lib.papers.p2.n22_arms import OtherPicture, Trained, by_the_next_picture, decoded
from lib.papers.p2.n22_edits import EDITED_LAYER
from lib.papers.p2.n22_evidence import ADDITIVE, ANOTHER, EACH_WORD, ORACLE, OTHER_PICTURE
from lib.papers.p2.n22_forms import next_scenes
from lib.papers.p2.n22_partners import LIST, LONGEST_LIST, Exam, paired_llava
from lib.worlds.session import Session

RULES = (
    "regular",
    "greedy",
    "cut only",
    ADDITIVE,
    *(rule + EACH_WORD for rule in (ADDITIVE, OTHER_PICTURE, ORACLE, ANOTHER)),
)
"""Ways of decoding that list what is in a picture."""

_ONCE = ("greedy", ORACLE + EACH_WORD, ANOTHER + EACH_WORD)
"""Rules of which no seed decides anything."""


class Telling:
    """An oracle for one writing of the lists: each word moves to what it would be after another list.

    It reads what is written as well, after the question has been asked and answered by the other list.
    """

    def __init__(self, of: Exam, lists: Sequence[str], weight: float) -> None:
        turns = [second_turn(Question("list", LIST, text), LIST) for text in lists]
        self.told, self._weight = of.read_words(turns), weight

    def edit(self, mine: WordsRead) -> TowardsEdit:
        """The edit of all words that are `mine`, the last ones of what was told."""
        target = self.told.behind[EDITED_LAYER][:, -mine.real.shape[1] :]
        return TowardsEdit(target.flatten(0, 1), EDITED_LAYER, self._weight, each=True)


@dataclass(frozen=True)
class NextPicture:
    """The concepts of another picture: each word of a list is shifted by those of the scene after its own."""

    of: Exam
    concepts: ConceptEdit

    def edit(self, mine: WordsRead) -> OtherPicture:
        """The edit of all words that are `mine`."""
        return by_the_next_picture(self.of, self.concepts, mine.of)


def write_lists(of: Exam, rule: str, seed: int, edit: ConceptEdit | Telling | NextPicture | None = None) -> list[str]:
    """Let the model list what is in each picture, decoding word by word by a rule; the seed decides the draws."""
    tokenizer, generator = paired_llava().tokenizer, torch.Generator().manual_seed(seed)
    written = torch.full((of.scenes, LONGEST_LIST), tokenizer.pad_token_id)
    mine = of.asked_for_lists.copy()
    readings = [mine, edit.told] if isinstance(edit, Telling) else [mine]
    for place in range(LONGEST_LIST):
        made = edit.edit(mine) if isinstance(edit, Telling | NextPicture) else edit
        edited: dict[tuple[str, int | None], Tensor] = {} if made is None else {(rule, None): mine.edited(made)}
        chances = decoded(mine.logits(), None, edited)[rule, None][1]
        token = torch.multinomial(chances, 1, generator=generator)[:, 0]
        written[mine.of, place] = token
        still = token != tokenizer.eos_token_id
        if not still.any():
            break
        for reading in readings:
            reading.keep(still)
            reading.add(token[still])
    return tokenizer.batch_decode(written, skip_special_tokens=True)


def count_listed_objects(session: Session, of: Exam, one: Trained, each: Trained, weight: float) -> pd.DataFrame:
    """Count the objects of every list, one row per rule, seed and picture; arguments as of `answer_partners`.

    Columns: wrong (named and not there), said (all that are named), found (named and there), there (all that are).
    """
    rows, known = [], dict[str, list[str]]()
    for seed in session.seeds:
        for rule in RULES:
            if rule in _ONCE and rule in known:
                lists = known[rule]
            else:
                lists = known[rule] = write_lists(of, rule, seed, _edit_of(of, rule, seed, one, each, weight))
            said = [[kind for factor, kind in read(text) if factor == 0] for text in lists]
            counts = pd.DataFrame(vars(chair(said, of.there)))
            rows.append(counts.assign(rule=rule, seed=seed, picture=np.arange(of.scenes)))
    return pd.concat(rows, ignore_index=True)


def _edit_of(
    of: Exam, rule: str, seed: int, one: Trained, each: Trained, weight: float
) -> ConceptEdit | Telling | NextPicture | None:
    name = rule.removesuffix(EACH_WORD)
    if name in (ORACLE, ANOTHER):
        return Telling(of, of.true_lists if name == ORACLE else next_scenes(of.true_lists), weight)
    if name == OTHER_PICTURE:
        return NextPicture(of, each[ADDITIVE, seed])
    return (each if rule.endswith(EACH_WORD) else one).get((name, seed))


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
