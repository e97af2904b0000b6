"""Paper 2, notebook 22: all ways of decoding, where the model expects partners that are not there.

The questions come after the model's own lists. Edits come in two forms: the paper's, one shift of all words, whose
logits are mixed with the plain ones and cut; and each word with its own shift, of which the likeliest word counts. The
first cannot cure even with the truth in hand, the second can (`n22_forms`), so it is the one that can test concepts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score
from torch import Tensor

from lib.editing.concept_decoding import (
    ALPHA_CD,
    ALPHA_L,
    ConceptEdit,
    contrast_logits,
    greedy_distribution,
    interpolate_logits,
    mean_where,
    plausible_tokens,
)
from lib.editing.pictures_read import PicturesRead
from lib.papers.p2.n22_edits import EDITED_LAYER
from lib.papers.p2.n22_evidence import ADDITIVE, ANOTHER, EACH_WORD, ORACLE, OTHER_PICTURE, accuracy_by_scene
from lib.papers.p2.n22_forms import Towards, next_scenes, right, words_towards
from lib.papers.p2.n22_hallucination import always, chance_of_yes, rules_of
from lib.papers.p2.n22_partners import ABOUT, Exam, MakeEdit, log_odds, paired_llava
from lib.papers.p2.p2_colors import COLORS
from lib.report.effects import over_items
from lib.report.figures import by_role, dots_with_seeds
from lib.report.seeds import per_seed
from lib.worlds.session import Session

CONCEPT_WEIGHTS = (0.1, 0.3, 0.7)
"""The weights of an edit of each word that are tried on dev scenes, up to the paper's; 0 would be greedy decoding."""

CUTS = (0.8, 0.5, 0.2, 0.1)
"""Plausibility cuts: the paper's, and looser ones."""

Trained = Mapping[tuple[str, int], ConceptEdit]
"""Edits by the concepts, by rule and seed."""


def at_their_best(trained: Trained, of: Exam) -> tuple[Trained, pd.DataFrame]:
    """The edits with the weight of their rule that answers most of a dev exam's questions, over all seeds.

    Also returns what was tried: rule, weight, accuracy (mean over seeds).
    """
    tried = {
        (*key, weight): always(replace(edit, alpha=weight))
        for key, edit in trained.items()
        for weight in CONCEPT_WEIGHTS
    }
    rows = [
        {"rule": rule, "seed": seed, "weight": weight, "accuracy": right(of, log_odds(logits)).mean()}
        for (rule, seed, weight), logits in of.edited(tried).items()
    ]
    table = pd.DataFrame(rows).groupby(["rule", "weight"], as_index=False).accuracy.mean()
    best = table.loc[table.groupby("rule").accuracy.idxmax()].set_index("rule").weight
    return {key: replace(edit, alpha=float(best[key[0]])) for key, edit in trained.items()}, table


def oracles(of: Exam, weight: float) -> dict[tuple[str, int | None], MakeEdit]:
    """The oracle and another scene's, as one shift with the paper's weight and for each word with its own."""
    own = of.after_own
    made: dict[tuple[str, int | None], MakeEdit] = {}
    for name, lists in {ORACLE: of.true_lists, ANOTHER: next_scenes(of.true_lists)}.items():
        told = of.after_true if name == ORACLE else of.ask(lists)
        mean = mean_where(told.answers.behind[EDITED_LAYER], told.real)
        made[name, None] = Towards(mean, own.real, EDITED_LAYER, ALPHA_L)
        words = words_towards(of, told, EDITED_LAYER)
        made[name + EACH_WORD, None] = Towards(words, own.real, EDITED_LAYER, weight)
    return made


@dataclass(frozen=True)
class OtherPicture:
    """The edit of each word by the concepts of another picture than the one that the words are about."""

    edit: ConceptEdit
    image: Tensor
    """Mean tokens of the other picture of each row that is edited, (rows, d)."""
    each: bool = True

    @property
    def layer(self) -> int:
        """That of the edit."""
        return self.edit.layer

    def shift(self, image: Tensor, text: Tensor, of: Tensor) -> Tensor:
        """Compute x_l' - x_l (n, d); arguments as of `Edit.shift`."""
        return self.edit.shift(self.image, text, of)


def by_the_next_picture(of: Exam, edit: ConceptEdit, scenes: Tensor) -> OtherPicture:
    """The edit of the words about some scenes, one row each, by the concepts of the scene after its own."""
    return OtherPicture(edit, of.pictures_read.image[edit.layer].roll(-1, dims=0)[scenes])


def answer_partners(session: Session, of: Exam, one: Trained, each: Trained, weight: float) -> pd.DataFrame:
    """The exam's `questions` for each rule and seed: rule, seed, chance (of the answer yes), odds (log odds of yes).

    one, each: the concepts' edits in the two forms. weight: of the oracle of each word. odds: of the logits that a rule
    decodes, before it cuts or chooses.
    """
    own, model = of.after_own, paired_llava()
    noise = torch.Generator().manual_seed(0)
    noisy = of.ask(of.own_lists, pictures=PicturesRead(model, of.pictures, noise=noise)).answers.logits
    edits = {**one, **{(rule + EACH_WORD, seed): edit for (rule, seed), edit in each.items()}}
    made: dict[tuple[str, int | None], MakeEdit] = {key: always(edit) for key, edit in edits.items()}
    made |= oracles(of, weight)
    for (rule, seed), edit in each.items():
        if rule == ADDITIVE:

            def by_another(rows: Tensor, edit: ConceptEdit = edit) -> OtherPicture:
                return by_the_next_picture(of, edit, of.scene_of[rows])

            made[OTHER_PICTURE + EACH_WORD, seed] = by_another
    rules = decoded(own.answers.logits, noisy, of.edited(made))
    tables = []
    for (rule, trained_with), (logits, chances) in rules.items():
        found = {"chance": chance_of_yes(model, chances)[of.place], "odds": log_odds(logits)[of.place]}
        answered = of.questions.assign(rule=rule, **found)
        seeds = session.seeds if trained_with is None else [trained_with]
        tables += [answered.assign(seed=seed) for seed in seeds]
    return pd.concat(tables, ignore_index=True)


def decoded(
    plain: Tensor, noisy: Tensor | None, edited: Mapping[tuple[str, int | None], Tensor]
) -> dict[tuple[str, int | None], tuple[Tensor, Tensor]]:
    """Logits that a rule decodes and the chances of every word, (n, vocabulary) each, by rule and seed.

    Edits of each word are decoded greedily, the others as in the paper; what is not cut is left out for these.
    """
    one = {key: logits for key, logits in edited.items() if not key[0].endswith(EACH_WORD)}
    scores = {key: interpolate_logits(plain, logits, ALPHA_CD) for key, logits in one.items()}
    if noisy is not None:
        scores["contrast with noise", None] = contrast_logits(plain, noisy)
    found = {
        key: (scores.get(key, plain), chances)
        for key, chances in rules_of(plain, noisy, one).items()
        if not key[0].endswith(", no cut")
    }
    each = {key: logits for key, logits in edited.items() if key[0].endswith(EACH_WORD)}
    return found | {key: (logits, greedy_distribution(logits)) for key, logits in each.items()}


def arms_table(answered: pd.DataFrame) -> pd.DataFrame:
    """One row per rule and seed: accuracy with 95 % over scenes, AUC of yes, chances of yes to two sorts of kinds.

    missing: to missing partners, each question once; other: to other absent kinds.
    """
    rows = []
    for (rule, seed), mine in answered.groupby(["rule", "seed"], sort=False):
        accuracy = over_items(accuracy_by_scene(mine, rule)[0])
        once = mine.drop_duplicates(["scene", "prompt"]).groupby("about").chance.mean()
        row = {"rule": rule, "seed": seed, "accuracy": accuracy.mean, "low": accuracy.low, "high": accuracy.high}
        row |= {"auc": roc_auc_score(mine.yes, mine.odds), "missing": once[ABOUT[0]], "other": once[ABOUT[1]]}
        rows.append(row)
    return pd.DataFrame(rows)


def open_table(of: Exam) -> pd.DataFrame:
    """What a cut leaves open: cut, open (share of questions), missing (of those about missing partners), ceiling.

    ceiling: how much accuracy a second pass that is always right could add to the cut alone.
    """
    logits, rows = of.after_own.answers.logits, []
    yes, place = of.questions.yes.to_numpy(), of.place
    for cut in CUTS:
        kept = plausible_tokens(logits, cut)
        chance = chance_of_yes(paired_llava(), logits.masked_fill(~kept, -torch.inf).softmax(dim=1))[place]
        undecided = (kept.sum(dim=1) > 1).numpy()[place]
        lost = np.where(yes, 1 - chance, chance)[undecided].sum() / len(yes)
        missing = undecided[(of.questions.about == ABOUT[0]).to_numpy()].mean()
        rows.append({"cut": cut, "open": undecided.mean(), "missing": missing, "ceiling": lost})
    return pd.DataFrame(rows)


def arms_figure(table: pd.DataFrame) -> Figure:
    """Draw accuracy, with 95 % over scenes for the first seed, AUC of yes and yes to missing partners of every rule."""
    fig, axes = plt.subplots(1, 3, figsize=(14, 5.2), sharey=True)
    labels = {"accuracy": "expected accuracy", "auc": "AUC of yes", "missing": "chance of yes to a missing partner"}
    for ax, (column, label) in zip(axes, labels.items(), strict=True):
        values = by_role({rule: list(per_seed(table, column, rule=rule)) for rule in table.rule.unique()}, COLORS)
        dots_with_seeds(ax, values, COLORS)
        ax.set(xlabel=label)
        if column == "accuracy":
            first = table.drop_duplicates("rule").set_index("rule").loc[list(values)]
            ax.hlines(range(len(first)), first.low, first.high, color="black", linewidth=1)
    return fig
