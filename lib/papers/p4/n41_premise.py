"""Paper 4, notebook 41: the gain of an edit over tuned text by the content of captions, and its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lib.base.progress import progress
from lib.editing.masker import MaskerConfig
from lib.papers.common.dictionaries import Recipe, recipe_training, train_recipe
from lib.papers.p4.baseline_scores import unedited_scores
from lib.papers.p4.dial_recalls import exact_ranks
from lib.papers.p4.editors import Editor, find_editor, fit_editors, fit_maskers, image_side
from lib.papers.p4.oracle_masks import recovery_table
from lib.papers.p4.settings import TEST_SCENES, Setting, setting_of
from lib.report.effects import nested
from lib.report.figures import chance_line
from lib.sae.base import SAE
from lib.sae.training.train_ahead import train_ahead
from lib.worlds.caption_factors import has_dial
from lib.worlds.dialled_captions import caption_pictures
from lib.worlds.session import Session

COMPARED = (("masker + text", "unedited"), ("masker + text", "text only"))
"""Arms, with the arms over which their gains are measured."""

OTHER_STEPS = {"ours": 1.0, "half the steps": 0.5, "twice the steps": 2.0}
"""Training steps of the text head alone, as multiples of the setting's."""

GAIN_TOLD = (2, 4, 6, 8)
"""Numbers of facts in captions at which gains are measured."""


def hits_by_arm(session: Session, editors: Sequence[Editor], told: int, n: int) -> dict[str, np.ndarray]:
    """R@1 per test picture, in percent and the mean of both directions, by arm: (seeds, n)."""
    test = caption_pictures(session, "test", n, told)

    def hits(scores: np.ndarray) -> np.ndarray:
        ranks = exact_ranks(scores)
        return 50.0 * ((ranks.image_to_text.ranks <= 1).astype(int) + (ranks.text_to_image.ranks <= 1))

    found = {"unedited": np.stack([hits(unedited_scores(test))] * len(session.seeds))}
    for arm in ("masker + text", "text only"):
        mine = [find_editor(editors, arm, seed) for seed in session.seeds]
        found[arm] = np.stack([hits(e.masker.scores(image_side(e, test.embeddings), test.text)) for e in mine])
    return found


def told_gains(session: Session, editors: Sequence[Editor], n: int, tolds: Sequence[int] = GAIN_TOLD) -> pd.DataFrame:
    """Gains in R@1 of the exact pair on n test pictures, in points, one row per number of facts told and comparison.

    Columns: told, arm, over, gain, low, high (95 % over seeds and pictures), and the gain of every seed.
    """
    rows = []
    for told in progress(tolds, desc="facts told"):
        hits = hits_by_arm(session, editors, told, n)
        for arm, over in COMPARED:
            effect = nested(hits[arm] - hits[over])
            row = {"told": told, "arm": arm, "over": over, "R@1": hits[arm].mean()}
            row |= {"gain": effect.mean, "low": effect.low, "high": effect.high}
            rows.append(row | {f"seed {seed}": v for seed, v in zip(session.seeds, effect.values, strict=True)})
    return pd.DataFrame(rows)


def replicated_gains(session: Session, gains: pd.DataFrame, n: int) -> pd.DataFrame:
    """`told_gains` of the session's encoder and of others of the same training, whose number is in column `encoder`.

    gains: those of the session's encoder. Editors of other encoders are trained here, with every seed.
    """
    arms = {arm: setting_of(session).arms[arm] for arm in ("masker + text", "text only")}
    parts = [gains.assign(encoder=0)]
    for number, world in enumerate(session.world.other_encoders, start=1):
        there = replace(session, stand_in=world)
        parts.append(told_gains(there, fit_editors(there, arms), n).assign(encoder=number))
    return pd.concat(parts, ignore_index=True)


def train_dictionaries(session: Session) -> dict[int, SAE]:
    """The dictionary of every seed; those that `choice_table` compares train beside them."""
    train_ahead((recipe_training(session, *run) for run in dictionary_runs(session)), session.device)
    own = setting_of(session).dictionary
    return {seed: train_recipe(session, own, seed) for seed in session.seeds}


def dictionary_runs(session: Session) -> list[tuple[Recipe, int]]:
    """Every dictionary of the notebook, as its recipe and seed."""
    own, *others = other_dictionaries(setting_of(session)).values()
    return [*((own, seed) for seed in session.seeds), *((recipe, session.seeds[0]) for recipe in others)]


def masker_runs(session: Session) -> list[tuple[MaskerConfig, Recipe]]:
    """Every masker of the notebook, as its configuration and the recipe of its dictionary."""
    setting = setting_of(session)
    arms = [(config, setting.dictionary) for config in setting.arms.values() for _ in session.seeds]
    return [*arms, *(run for run in choice_runs(setting).values() if run not in arms)]


def choice_table(session: Session) -> pd.DataFrame:
    """Compare other settings on dev pairs, first seed, one row per arm and setting; the first of each arm is ours.

    masker + text with other dictionaries, text only with other numbers of steps. loss: the least of the
    training; step: where it was; start, recall: R@1 in percent before, and there. fvu, best_factor: see
    `recovery_table`, where facts are known.
    """
    setting, seed = setting_of(session), session.seeds[0]
    saes = {name: train_recipe(session, recipe, seed) for name, recipe in other_dictionaries(setting).items()}
    trained = {recipe: saes[name] for name, recipe in other_dictionaries(setting).items()}
    runs = choice_runs(setting)
    editors = fit_maskers(
        session, {(" · ".join(key), seed): (config, trained[recipe]) for key, (config, recipe) in runs.items()}
    )
    found = pd.DataFrame(
        [{"arm": arm, "setting": name} | _dev_row(e) for (arm, name), e in zip(runs, editors, strict=True)]
    )
    if not has_dial(session):
        return found
    recovery = recovery_table(session, saes, min(TEST_SCENES, session.world.size("dev"))).rename(
        columns={"dictionary": "setting"}
    )
    return found.merge(recovery[["setting", "fvu", "best_factor"]], on="setting", how="left")


def choice_runs(setting: Setting) -> dict[tuple[str, str], tuple[MaskerConfig, Recipe]]:
    """What `choice_table` compares: each arm and the name of its setting, with its configuration and dictionary."""
    edit, text = (setting.arms[arm] for arm in ("masker + text", "text only"))
    runs = {("masker + text", name): (edit, recipe) for name, recipe in other_dictionaries(setting).items()}
    longer = {name: replace(text, steps=int(times * text.steps)) for name, times in OTHER_STEPS.items()}
    return runs | {("text only", name): (config, setting.dictionary) for name, config in longer.items()}


def other_dictionaries(setting: Setting) -> dict[str, Recipe]:
    """The dictionary of a setting, and one with half the active latents, a wider and a nested one."""
    recipe = setting.dictionary
    width, k = recipe.expansion, recipe.k
    return {
        f"TopK, K {k}, width x{width}": recipe,
        f"TopK, K {k // 2}, width x{width}": replace(recipe, k=k // 2),
        f"TopK, K {k}, width x{2 * width}": replace(recipe, expansion=2 * width),
        f"Matryoshka, K {k}, width x{width}": replace(recipe, name="matryoshka"),
    }


def _dev_row(editor: Editor) -> dict[str, float]:
    kept, start = editor.kept, editor.checks.recall.iloc[0]
    row = {"loss": float(kept.loss), "step": int(kept.step), "start": 100 * float(start)}
    return row | {"recall": 100 * float(kept.recall)}


def draw_told_gains(axes: Sequence[Axes], gains: pd.DataFrame) -> None:
    """Draw gains with their intervals against the facts told: one axis per comparison, one colour per encoder."""
    for ax, (over, rows) in zip(axes, gains.groupby("over", sort=False), strict=True):
        for number, one in rows.groupby("encoder"):
            reach = [one.gain - one.low, one.high - one.gain]
            ax.errorbar(
                one.told + 0.15 * number, one.gain, reach, fmt="o-", color=f"C{number}", label=f"encoder {number}"
            )
        chance_line(ax, 0, "no gain")
        ax.set(xlabel="facts that captions tell", title=f"over {over}")
