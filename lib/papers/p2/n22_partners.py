"""Paper 2, notebook 22: a LLaVA that has learnt to expect partners, and scenes that lack them.

In the scenes of `lib.data.scenes.partners` a kind's partner is there in four of five. The exam is about the fifth: how
often does the model name the partner that is missing, in its list of what is in the picture or when it is asked, next
to how often it names anything else that is not there?
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import roc_auc_score

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
from lib.editing.concept_decoding import ALPHA_L, TowardsEdit
from lib.editing.pictures_read import PicturesRead
from lib.encoders.llava import Llava, load_llava
from lib.encoders.training.paired_llava import second_turn
from lib.papers.p2.n22_evidence import ratio_by_unit
from lib.report.effects import over_items
from lib.report.figures import CONTROL

SCENES = 200
"""Number of scenes of the exam: the first of the test split that lack a partner."""

ABOUT = ("missing partner", "other absent kind", "kind beside its partner", "other present kind")
"""The relations that a kind can have to a scene."""

WAYS = ("in its list", "asked alone", "asked after its list", "asked after the true list")
"""Ways to find out which things the model believes to be there."""

OVERSHOOT = 3.0
"""Weight of the shift towards the same question after another list; on dev scenes 3 had more effect than 1."""

_LIST, _CHUNK = "what is in the picture", 256


@cache
def paired_llava() -> Llava:
    """The small multimodal LLM that learnt from scenes with partners."""
    return load_llava("paired-llava")


@cache
def exam() -> tuple[int, ...]:
    """Rows of the test scenes of the exam."""
    return tuple(scenes_that_miss_one("test", 0, SCENES))


@cache
def pictures() -> list[Image.Image]:
    """The pictures of the exam."""
    return [Image.fromarray(paired_picture("test", 0, row)) for row in exam()]


@cache
def own_lists() -> list[str]:
    """Return the model's greedy answer to "what is in the picture" for each scene of the exam."""
    return paired_llava().generate(pictures(), [_LIST] * SCENES, 12)


def true_lists() -> list[str]:
    """The right answers to the questions."""
    return [list_kinds(paired_layout("test", 0, row)).answer for row in exam()]


def role(kind: int, there: set[int]) -> str:
    """Return the relation, one of ABOUT, of a kind to a scene that shows the kinds `there`."""
    return ABOUT[2 * (kind in there) + (PARTNER[kind] not in there)]


def asked() -> pd.DataFrame:
    """List all questions of the exam, once each: scene (its number in the exam), prompt, about."""
    rows = []
    for scene, row in enumerate(exam()):
        there = kinds_in(paired_layout("test", 0, row))
        prompts = {question.prompt for how in NEGATIVES for question in partner_questions("test", 0, row, how)}
        rows += [{"scene": scene, "prompt": p, "about": role(read(p)[0][1], there)} for p in sorted(prompts)]
    return pd.DataFrame(rows)


def prior_table() -> pd.DataFrame:
    """Measure how often the model believes a kind to be there: one row for each of WAYS and ABOUT, with 95 % over
    scenes.

    rate: of questions answered with yes, or of kinds that the list names; n of them.
    """
    questions, parts = asked(), {WAYS[0]: _named(own_lists())}
    lists = {WAYS[1]: None, WAYS[2]: own_lists(), WAYS[3]: true_lists()}
    for way, told in lists.items():
        yes = answer_odds(questions, told)[0] > 0
        parts[way] = questions.assign(part=yes.astype(np.float64), whole=1.0)
    rows = []
    for way, table in parts.items():
        for about in ABOUT:
            mine = table[table.about == about].assign(seed=0)
            found = over_items(ratio_by_unit(mine, "scene", "part", "whole")[0])
            rows.append({"way": way, "about": about, "rate": found.mean, "low": found.low, "high": found.high})
            rows[-1]["n"] = int(mine.whole.sum())
    return pd.DataFrame(rows)


def oracle_table() -> pd.DataFrame:
    """Measure the effect of moving the words of a question after the model's own list, after each block, by two
    targets.

    target: the words of the true list alone, with the paper's weight, or those of the same question after the true
    list, with weight OVERSHOOT. of: whose list. accuracy (of as many questions with answer yes as no, with 95 % over
    scenes), missing (how often it says yes to a missing partner) and auc of yes are minus those without an edit.
    """
    questions, own = asked(), own_lists()
    plain, _ = answer_odds(questions, own)
    rows = []
    for of, lists in {"this scene": true_lists(), "the next scene": [*true_lists()[1:], true_lists()[0]]}.items():
        alone = _words_of_lists(lists)
        same = answer_odds(questions, lists)[1]
        for layer in range(len(same)):
            targets = {
                "the list alone": (alone[layer][torch.tensor(questions.scene.tolist())], ALPHA_L),
                "the same question": (same[layer], OVERSHOOT),
            }
            for target, (words, alpha) in targets.items():
                odds, _ = answer_odds(questions, own, TowardsEdit(words, layer, alpha))
                row = {"target": target, "of": of, "layer": layer}
                rows.append(row | _gain(questions, odds, plain))
    return pd.DataFrame(rows)


def _gain(questions: pd.DataFrame, odds: np.ndarray, plain: np.ndarray) -> dict[str, float | None]:
    yes = questions.about.isin(ABOUT[2:]).to_numpy()
    weight = np.where(yes, (~yes).sum() / yes.sum(), 1.0)
    change = weight * (((odds > 0) == yes).astype(np.float64) - ((plain > 0) == yes))
    table = questions.assign(part=change, whole=weight, seed=0)
    found = over_items(ratio_by_unit(table, "scene", "part", "whole")[0])
    asked_missing = (questions.about == ABOUT[0]).to_numpy()
    missing = (odds > 0)[asked_missing].mean() - (plain > 0)[asked_missing].mean()
    return {
        "accuracy": found.mean,
        "low": found.low,
        "high": found.high,
        "missing": float(missing),
        "auc": float(roc_auc_score(yes, odds) - roc_auc_score(yes, plain)),
    }


def answer_odds(
    questions: pd.DataFrame, told: list[str] | None, edit: TowardsEdit | None = None
) -> tuple[np.ndarray, list[torch.Tensor]]:
    """Compute log odds of yes against no, (n,), for questions asked alone or after a list for each scene.

    edit: moves the words; its targets are one for each question. Also returns the mean words of each question behind
    every block, (n, d) each.
    """
    pictures_read, prompts = _pictures_read(), list(questions.prompt)
    if told is not None:
        openings = [Question("list", _LIST, told[scene]) for scene in questions.scene]
        prompts = [second_turn(opening, prompt) for opening, prompt in zip(openings, prompts, strict=True)]
    words, real = pictures_read.words(prompts)
    scenes = torch.tensor(questions.scene.tolist())
    logits, means = [], []
    for rows in torch.arange(len(scenes)).split(_CHUNK):
        mine = None if edit is None else replace(edit, target=edit.target[rows])
        found, mean = pictures_read.logits(scenes[rows], words[rows], real[rows], mine)
        logits.append(found)
        means.append(mean)
    yes, no = (torch.cat(logits)[:, pictures_read.llm.first_tokens(word)].logsumexp(dim=1) for word in ("yes", "no"))
    return (yes - no).numpy(), [torch.cat(parts) for parts in zip(*means, strict=True)]


@cache
def _pictures_read() -> PicturesRead:
    return PicturesRead(paired_llava(), pictures())


def _words_of_lists(lists: list[str]) -> list[torch.Tensor]:
    read_pictures = _pictures_read()
    return read_pictures.logits(torch.arange(len(lists)), *read_pictures.words(lists))[1]


def _named(lists: Iterable[str]) -> pd.DataFrame:
    """Count for each scene and relation the kinds that the list names (part), and all kinds (whole)."""
    rows = []
    for scene, (row, text) in enumerate(zip(exam(), lists, strict=True)):
        there, named = kinds_in(paired_layout("test", 0, row)), {kind for _, kind in read(text)}
        for kind in range(len(KINDS)):
            rows.append({"scene": scene, "about": role(kind, there), "part": float(kind in named), "whole": 1.0})
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


def oracle_figure(oracle: pd.DataFrame) -> Figure:
    """Draw the gains of `oracle_table`, a panel for each target."""
    targets = oracle.target.unique()
    fig, axes = plt.subplots(1, len(targets), figsize=(13, 4.2), sharey=True)
    for ax, target in zip(axes, targets, strict=True):
        for shift, (of, colour) in enumerate({"this scene": "C2", "the next scene": CONTROL}.items()):
            rows = oracle[(oracle.target == target) & (oracle.of == of)]
            reach = [rows.accuracy - rows.low, rows.high - rows.accuracy]
            label = f"towards the truth about {of}"
            ax.errorbar(
                rows.layer + 0.1 * shift, rows.accuracy, yerr=reach, fmt="o", color=colour, capsize=4, label=label
            )
        ax.axhline(0, color=CONTROL, linewidth=1)
        ax.set(title=f"target: {target}", xlabel="block whose output is edited", xticks=sorted(oracle.layer.unique()))
    axes[0].set(ylabel="change of accuracy")
    axes[1].legend(loc="lower left")
    return fig
