"""Paper 2, notebook 22: a LLaVA that has learnt to expect partners, and scenes that lack them.

In the scenes of `lib.data.scenes.partners` a kind's partner is there in four of five. The exam is about the fifth: how
often does the model name the partner that is missing, in its list of what is in the picture or when it is asked, next
to how often it names anything else that is not there?
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor
from torch.nn import functional

from lib.data.scenes.partners import (
    PARTNER,
    kinds_in,
    paired_layout,
    paired_picture,
    partner_questions,
    scenes_that_miss_one,
)
from lib.data.scenes.questions import NEGATIVES, Question, list_kinds, read
from lib.data.scenes.scene_words import KINDS
from lib.editing.concept_decoding import Edit
from lib.editing.pictures_read import Answers, Key, PicturesRead, WordsRead
from lib.encoders.llava import Llava, load_llava
from lib.encoders.training.paired_llava import second_turn
from lib.papers.p2.n22_evidence import ratio_by_unit
from lib.report.effects import over_items
from lib.report.figures import CONTROL

SCENES = {"dev": 100, "test": 300}
"""Scenes of an exam: the first of a split that lack a partner."""

ABOUT = ("missing partner", "other absent kind", "kind beside its partner", "other present kind")
"""The relations that a kind can have to a scene."""

WAYS = ("in its list", "asked alone", "asked after its list", "asked after the true list")
"""Ways to find out which things the model believes to be there."""

LIST, LONGEST_LIST = "what is in the picture", 12
"""The question that a list answers, and words of a list at most."""

_CHUNK = 256

MakeEdit = Callable[[Tensor], Edit]
"""Makes the edit for some rows of a batch, by their numbers."""


@cache
def paired_llava() -> Llava:
    """The small multimodal LLM that learnt from scenes with partners."""
    return load_llava("paired-llava")


class Asked(NamedTuple):
    """Words after pictures, as `PicturesRead.words` gives them, and what the model makes of them."""

    words: Tensor
    real: Tensor
    answers: Answers

    @property
    def odds(self) -> np.ndarray:
        """Log odds of yes against no, (n,)."""
        return log_odds(self.answers.logits)


@dataclass(frozen=True)
class Exam:
    """The scenes of an exam, what the model says of them unasked, and the questions."""

    split: str
    scenes: int

    @cached_property
    def rows(self) -> list[int]:
        """The rows of the split that lack a partner."""
        return scenes_that_miss_one(self.split, 0, self.scenes)

    @cached_property
    def there(self) -> list[set[int]]:
        """The kinds that are in each scene."""
        return [kinds_in(paired_layout(self.split, 0, row)) for row in self.rows]

    @cached_property
    def pictures(self) -> list[Image.Image]:
        """The pictures."""
        return [Image.fromarray(paired_picture(self.split, 0, row)) for row in self.rows]

    @cached_property
    def pictures_read(self) -> PicturesRead:
        """The pictures as the model has read them."""
        return PicturesRead(paired_llava(), self.pictures)

    @cached_property
    def own_lists(self) -> list[str]:
        """The model's answers, word by word the likeliest, to "what is in the picture"."""
        return paired_llava().generate(self.pictures, [LIST] * self.scenes, LONGEST_LIST)

    @cached_property
    def asked_for_lists(self) -> WordsRead:
        """The question that a list answers, after each picture."""
        return self.read_words([LIST] * self.scenes)

    def read_words(self, prompts: Sequence[str]) -> WordsRead:
        """Read one prompt per scene after its picture."""
        return WordsRead(self.pictures_read, torch.arange(self.scenes), *self.pictures_read.words(list(prompts)))

    @cached_property
    def true_lists(self) -> list[str]:
        """The right answers."""
        return [list_kinds(paired_layout(self.split, 0, row)).answer for row in self.rows]

    @cached_property
    def questions(self) -> pd.DataFrame:
        """Every question of the three sorts of negatives: negatives, scene (its number here), prompt, yes, about."""
        rows = [
            {"negatives": how, "scene": scene, "prompt": question.prompt, "yes": question.answer == "yes"}
            | {"about": role(read(question.prompt)[0][1], self.there[scene])}
            for how in NEGATIVES
            for scene, row in enumerate(self.rows)
            for question in partner_questions(self.split, 0, row, how)
        ]
        return pd.DataFrame(rows)

    @cached_property
    def asked(self) -> pd.DataFrame:
        """The questions, once each: scene, prompt, about."""
        once = self.questions.drop_duplicates(["scene", "prompt"]).sort_values(["scene", "prompt"])
        return once[["scene", "prompt", "about"]].reset_index(drop=True)

    @property
    def scene_of(self) -> Tensor:
        """The scene of each row of `asked`."""
        return torch.tensor(self.asked.scene.tolist())

    @cached_property
    def place(self) -> np.ndarray:
        """The row of `asked` that each of `questions` is, int64."""
        numbered = self.asked.assign(place=np.arange(len(self.asked)))
        return self.questions.merge(numbered, on=["scene", "prompt"], how="left", validate="m:1").place.to_numpy()

    @cached_property
    def after_own(self) -> Asked:
        """The questions after the model's own lists."""
        return self.ask(self.own_lists)

    @cached_property
    def after_true(self) -> Asked:
        """The questions after the true lists."""
        return self.ask(self.true_lists)

    def ask(
        self,
        lists: Sequence[str] | None,
        pictures: PicturesRead | None = None,
    ) -> Asked:
        """Ask each question of `asked` once, alone or after a list for each scene.

        pictures: the scenes' pictures as they were read in another way.
        """
        prompts = list(self.asked.prompt)
        if lists is not None:
            openings = [Question("list", LIST, lists[scene]) for scene in self.asked.scene]
            prompts = [second_turn(opening, prompt) for opening, prompt in zip(openings, prompts, strict=True)]
        pictures = pictures or self.pictures_read
        words, real = pictures.words(prompts)
        return Asked(words, real, answers_to(pictures, self.scene_of, words, real))

    def edited(self, edits: Mapping[Key, MakeEdit]) -> dict[Key, Tensor]:
        """Logits of the answers after the model's own lists with each edit, by its name, (n, vocabulary)."""
        own = self.after_own
        return edited_logits(self.pictures_read, self.scene_of, own.real, own.answers.behind, edits)


@cache
def exam(split: str = "test") -> Exam:
    """The exam on a split, whose parts are made once."""
    return Exam(split, SCENES[split])


def answers_to(pictures: PicturesRead, of: Tensor, words: Tensor, real: Tensor) -> Answers:
    """As `PicturesRead.answers`, for any number of rows; those of like length go together, so that pads are few."""
    chunks, parts = [*_chunks(real)], []
    for rows, width in chunks:
        found = pictures.answers(of[rows], words[rows, -width:], real[rows, -width:])
        behind = [functional.pad(hidden, (0, 0, words.shape[1] - width, 0)) for hidden in found.behind]
        parts.append(found._replace(behind=behind))
    logits, behinds = zip(*parts, strict=True)
    back = torch.cat([rows for rows, _ in chunks]).argsort()
    return Answers(torch.cat(logits)[back], [torch.cat(blocks)[back] for blocks in zip(*behinds, strict=True)])


def edited_logits(
    pictures: PicturesRead, of: Tensor, real: Tensor, behind: Sequence[Tensor], edits: Mapping[Key, MakeEdit]
) -> dict[Key, Tensor]:
    """As `PicturesRead.edited`, for the rows of `answers_to` and several edits, by name."""
    chunks, parts = [*_chunks(real)], []
    for rows, width in chunks:
        made = {name: make(rows) for name, make in edits.items()}
        words = [hidden[rows, -width:] for hidden in behind]
        parts.append(pictures.edited(made, of[rows], real[rows, -width:], words))
    back = torch.cat([rows for rows, _ in chunks]).argsort()
    return {name: torch.cat([part[name] for part in parts])[back] for name in edits}


def _chunks(real: Tensor) -> Iterator[tuple[Tensor, int]]:
    """The rows of one pass after the other, by length, and the longest of each."""
    lengths = real.sum(dim=1)
    for rows in lengths.argsort(stable=True).split(_CHUNK):
        yield rows, int(lengths[rows].max())


def log_odds(logits: Tensor) -> np.ndarray:
    """Log odds of yes against no, (n,), from logits of the next word (n, vocabulary)."""
    yes, no = (logits[:, paired_llava().first_tokens(word)].logsumexp(dim=1) for word in ("yes", "no"))
    return (yes - no).numpy()


def role(kind: int, there: set[int]) -> str:
    """Return the relation, one of ABOUT, of a kind to a scene that shows the kinds `there`."""
    return ABOUT[2 * (kind in there) + (PARTNER[kind] not in there)]


def prior_table(of: Exam) -> pd.DataFrame:
    """How often the model takes a kind to be there: one row for each of WAYS and ABOUT, with 95 % over scenes.

    rate: of questions answered with yes, or of kinds that the list names; n of them.
    """
    parts = {WAYS[0]: named(of, of.own_lists)}
    for way, asked in {WAYS[1]: of.ask(None), WAYS[2]: of.after_own, WAYS[3]: of.after_true}.items():
        parts[way] = of.asked.assign(part=(asked.odds > 0).astype(np.float64), whole=1.0)
    rows = []
    for way, table in parts.items():
        for about in ABOUT:
            mine = table[table.about == about].assign(seed=0)
            found = over_items(ratio_by_unit(mine, "scene", "part", "whole")[0])
            rows.append({"way": way, "about": about, "rate": found.mean, "low": found.low, "high": found.high})
            rows[-1]["n"] = int(mine.whole.sum())
    return pd.DataFrame(rows)


def named(of: Exam, lists: Iterable[str]) -> pd.DataFrame:
    """For each scene and thing that a kind can be to it: kinds that the list names (part), and kinds (whole)."""
    rows = []
    for scene, (there, text) in enumerate(zip(of.there, lists, strict=True)):
        said = {kind for _, kind in read(text)}
        for kind in range(len(KINDS)):
            rows.append({"scene": scene, "about": role(kind, there), "part": float(kind in said), "whole": 1.0})
    return pd.DataFrame(rows)


def prior_figure(prior: pd.DataFrame) -> Figure:
    """Draw the rates of `prior_table`, a panel for each way."""
    fig, axes = plt.subplots(1, len(WAYS), figsize=(14, 3.8), sharey=True)
    for ax, way in zip(axes, WAYS, strict=True):
        rows = prior[prior.way == way]
        for place, (row, colour) in enumerate(zip(rows.itertuples(), ("C3", CONTROL, "C0", "C9"), strict=True)):
            reach = [[row.rate - row.low], [row.high - row.rate]]
            ax.errorbar(row.rate, place, xerr=reach, fmt="o", color=colour, capsize=4, markersize=8)
        ax.set_yticks(range(len(ABOUT)), ABOUT)
        ax.set(title=way, xlim=(-0.03, 1.03), ylim=(len(ABOUT) - 0.5, -0.5), xlabel="share taken to be there")
    return fig
