"""Paper 2, notebook 22: in which form can an edit cure a habit, if it knows the truth?

The question comes after the model's own list, which names what is not there. Every form of the oracle gets the same
knowledge, what the true list would have changed: as one shift of all words, as a shift of each word, at the tokens of
the picture, or at the logits. Each is also made with the next scene's list, and then it knows nothing of this one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn.metrics import roc_auc_score
from torch import Tensor

from lib.base.files import cached, write_json
from lib.data.scenes.questions import read
from lib.data.scenes.scene_words import KINDS
from lib.editing.concept_decoding import ALPHA_L, TowardsEdit, decoder_blocks, mean_where
from lib.editing.pictures_read import PicturesRead
from lib.papers.p2.n22_edits import EDITED_LAYER, paired_representations
from lib.papers.p2.n22_evidence import ratio_by_unit
from lib.papers.p2.n22_partners import ABOUT, Asked, Exam, MakeEdit, log_odds, paired_llava
from lib.report.effects import over_items
from lib.report.figures import CONTROL

ALONE, ONE, EACH = "one shift, to the list", "one shift, to the question", "each word its own shift"
PICTURE, LOGITS = "the picture's tokens", "the logits"
FORMS = (ALONE, ONE, EACH, PICTURE, LOGITS)
"""Forms of an edit: all words towards the mean word of the true list, as dictionaries are trained; all words by how the
mean word of the same question differs after the true list; each word by how it differs there; all tokens of the picture
along the directions of the kinds that the list lacks and against those that it adds; and the logits by how they
differ after the true list."""

WEIGHTS = {**dict.fromkeys(FORMS, (ALPHA_L, 1.0, 2.0, 4.0)), PICTURE: (4.0, 16.0, 64.0)}
"""The weights of each form that are tried on dev scenes; the first of a shift of words is the paper's. A kind is shown
by few of a picture's tokens, so that it moves their mean by little, and takes larger ones."""

CURED = -0.1
"""An edit cures where yes to missing partners becomes this much rarer, and accuracy rises beyond its interval."""

_PICTURE_LAYER = 1
"""The block behind which the picture's tokens are shifted, for the two blocks after it. Behind block 0 the same weights
answer fewer questions about dev scenes."""


@dataclass(frozen=True)
class Towards:
    """Makes edits that move the words of the questions after the model's own lists."""

    target: Tensor
    """Where to: a mean word for each question, (n, d), or its words, (n, words, d)."""
    real: Tensor
    """Which words are none, bool (n, words)."""
    layer: int
    weight: float

    def __call__(self, rows: Tensor) -> TowardsEdit:
        """The edit for some of the questions."""
        if self.target.dim() == 2:
            return TowardsEdit(self.target[rows], self.layer, self.weight)
        return TowardsEdit(self.target[rows][self.real[rows]], self.layer, self.weight, each=True)


def same_words(mine: Tensor, other: Tensor, last: Tensor) -> Tensor:
    """The words (n, words, d) of `mine`, but for the `last` ones (n,) of each row, which are those of `other`.

    Both are padded on the left, to any two lengths.
    """
    longest = int(last.max())
    replaced = torch.arange(longest) >= longest - last[:, None]
    ends = torch.where(replaced[..., None], other[:, -longest:], mine[:, -longest:])
    return torch.cat([mine[:, :-longest], ends], dim=1)


def words_towards(of: Exam, told: Asked, layer: int) -> Tensor:
    """The words after the model's own lists, with those of the question as they are after another list, (n, words, d).

    told: the same questions after the other lists.
    """
    tokenizer = paired_llava().tokenizer
    asked = [len(tokenizer(f"USER: {prompt} ASSISTANT:")["input_ids"]) for prompt in of.asked.prompt]
    return same_words(of.after_own.answers.behind[layer], told.answers.behind[layer], torch.tensor(asked))


def next_scenes(lists: Sequence[str]) -> list[str]:
    """The list of the next scene for each."""
    return [*lists[1:], lists[0]]


def form_odds(
    of: Exam, lists: Sequence[str], weights: Mapping[str, Sequence[float]], layers: Sequence[int]
) -> dict[tuple[str, int, float], np.ndarray]:
    """Log odds of yes, (n,), with every form of the edit towards some lists, behind some blocks, at some weights.

    By form, block and weight. Nothing is drawn, so they are computed once and cached.
    """
    key: dict[str, Any] = {
        "llava": paired_llava().identity,
        "pictures": paired_representations().identity,
        "exam": [of.split, of.scenes],
        "lists": list(lists),
        "weights": {form: list(tried) for form, tried in weights.items()},
        "layers": list(layers),
        "version": 1,
    }

    def build(folder: Path) -> None:
        odds = _form_odds(of, lists, weights, layers)
        np.save(folder / "odds.npy", np.stack([*odds.values()]))
        write_json(folder / "keys.json", [*odds])

    folder = cached("forms", key, build)
    keys = json.loads((folder / "keys.json").read_bytes())
    odds = np.load(folder / "odds.npy", allow_pickle=False)
    return {(form, layer, weight): row for (form, layer, weight), row in zip(keys, odds, strict=True)}


def _form_odds(
    of: Exam, lists: Sequence[str], weights: Mapping[str, Sequence[float]], layers: Sequence[int]
) -> dict[tuple[str, int, float], np.ndarray]:
    own, told, pictures = of.after_own, of.after_true if lists is of.true_lists else of.ask(lists), of.pictures_read
    words, real = pictures.words(list(lists))
    alone = pictures.answers(torch.arange(of.scenes), words, real).behind
    edits: dict[tuple[str, int, float], MakeEdit] = {}
    for layer in layers:
        targets = {
            ALONE: mean_where(alone[layer], real)[of.scene_of],
            ONE: mean_where(told.answers.behind[layer], told.real),
            EACH: words_towards(of, told, layer),
        }
        for form, target in targets.items():
            edits |= {(form, layer, weight): Towards(target, own.real, layer, weight) for weight in weights[form]}
    odds = {key: log_odds(logits) for key, logits in of.edited(edits).items()}
    for weight in weights[PICTURE]:
        shift = weight * picture_shift(lists, of.own_lists)
        moved = PicturesRead(paired_llava(), of.pictures, shift=(_PICTURE_LAYER, shift))
        odds[PICTURE, _PICTURE_LAYER, weight] = of.ask(of.own_lists, pictures=moved).odds
    last = len(decoder_blocks(paired_llava())) - 1
    for weight in weights[LOGITS]:
        plain = own.answers.logits
        odds[LOGITS, last, weight] = log_odds(plain + weight * (told.answers.logits - plain))
    return odds


def kinds_named(lists: Sequence[str]) -> np.ndarray:
    """Which kinds each list names, float64 (lists, kinds)."""
    found = np.zeros((len(lists), len(KINDS)))
    for row, text in enumerate(lists):
        found[row, [kind for _, kind in read(text)]] = 1
    return found


def picture_shift(lists: Sequence[str], own: Sequence[str]) -> Tensor:
    """What the kinds that a list names beyond the own one, and those it lacks, add to a mean picture token, (lists, d).

    By the least-squares directions of all kinds in training pictures.
    """
    image, kinds = paired_representations().images[_PICTURE_LAYER], paired_representations().kinds
    centred = kinds - kinds.mean(axis=0)
    directions = np.linalg.lstsq(centred, image - image.mean(axis=0), rcond=None)[0]
    return torch.from_numpy((kinds_named(lists) - kinds_named(own)) @ directions).float()


def choose_weights(of: Exam) -> tuple[dict[str, float], pd.DataFrame]:
    """The weight of each form that answers most of a dev exam's questions, and the accuracies: form, weight, accuracy.

    All are chosen behind one block, and used behind each.
    """
    found = form_odds(of, of.true_lists, WEIGHTS, [EDITED_LAYER])
    rows = [
        {"form": form, "weight": weight, "accuracy": right(of, odds).mean()}
        for (form, _, weight), odds in found.items()
    ]
    table = pd.DataFrame(rows)
    best = table.loc[table.groupby("form").accuracy.idxmax()].set_index("form").weight
    return {form: float(best[form]) for form in FORMS}, table


def forms_table(of: Exam, weights: Mapping[str, float]) -> pd.DataFrame:
    """What each form of the oracle changes: form, weight, layer, of (whose list), and the columns of `gain`."""
    rows = []
    layers = range(len(decoder_blocks(paired_llava())))
    tried = {form: [weight] for form, weight in weights.items()}
    for whose, lists in {"this scene": of.true_lists, "the next scene": next_scenes(of.true_lists)}.items():
        for (form, layer, weight), odds in form_odds(of, lists, tried, layers).items():
            rows.append({"form": form, "weight": weight, "layer": layer, "of": whose} | gain(of, odds))
    table = pd.DataFrame(rows)
    return table.sort_values("form", key=lambda names: names.map(FORMS.index), kind="stable", ignore_index=True)


def right(of: Exam, odds: np.ndarray) -> np.ndarray:
    """Whether the likelier of yes and no is right, for each row of `questions`, float64; odds: of those of `asked`."""
    return ((odds[of.place] > 0) == of.questions.yes.to_numpy()).astype(np.float64)


def gain(of: Exam, odds: np.ndarray) -> dict[str, float | None]:
    """What an edit changes: accuracy with 95 % over scenes, yes to missing partners (missing), AUC of yes."""
    plain = of.after_own.odds
    table = of.questions.assign(part=right(of, odds) - right(of, plain), whole=1.0, seed=0)
    found = over_items(ratio_by_unit(table, "scene", "part", "whole")[0])
    missing = (of.asked.about == ABOUT[0]).to_numpy()
    yes = of.questions.yes.to_numpy()
    auc = [roc_auc_score(yes, values[of.place]) for values in (odds, plain)]
    return {
        "accuracy": found.mean,
        "low": found.low,
        "high": found.high,
        "missing": float((odds[missing] > 0).mean() - (plain[missing] > 0).mean()),
        "auc": float(auc[0] - auc[1]),
    }


def cures(forms: pd.DataFrame) -> pd.Series:
    """Whether each row of `forms_table` is a cure."""
    return (forms.missing <= CURED) & (forms.low > 0)


def forms_figure(forms: pd.DataFrame) -> Figure:
    """Draw what `forms_table` says: a mark for each block, filled for the truth about this scene."""
    fig, ax = plt.subplots(figsize=(9, 5.2))
    for form, colour in zip(FORMS, ("C7", "C4", "C2", "C1", "C0"), strict=True):
        for whose, face in (("this scene", colour), ("the next scene", "none")):
            rows = forms[(forms.form == form) & (forms.of == whose)]
            reach = [rows.accuracy - rows.low, rows.high - rows.accuracy]
            label = form if whose == "this scene" else None
            ax.errorbar(
                rows.missing, rows.accuracy, yerr=reach, fmt="o", color=colour, mfc=face, label=label, capsize=3
            )
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    ax.set(xlim=(left, right), ylim=(bottom, top))
    ax.add_patch(Rectangle((left, 0), CURED - left, top, color="C2", alpha=0.1, linewidth=0))
    ax.annotate("a cure", (left, top), xytext=(6, -14), textcoords="offset points", color="C2")
    ax.axhline(0, color=CONTROL, linewidth=1)
    ax.axvline(0, color=CONTROL, linewidth=1)
    ax.set(xlabel="change of yes to missing partners", ylabel="change of accuracy")
    ax.legend(title="filled: the truth about this scene;\nempty: about the next", loc="upper right")
    return fig
