"""Paper 1: the answers under steering (`n12_steering`), judged by the ground truth and by the paper's cosine."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from PIL import Image

from lib.base.vectors import normalise_rows
from lib.data.scenes.questions import is_description, read
from lib.data.scenes.scene_grammar import VALUES
from lib.papers.p1.n12_steering import (
    KIND,
    STEERING_ARMS,
    DrawnLatents,
    SteeringPlan,
    concept_name,
    describe_pictures,
    describe_under,
    edit_of_arm,
    plan_pictures,
)
from lib.worlds.session import Session

SWEPT_ARMS = ("clamp", "clamp + error", "difference in means")
"""Arms whose strength is chosen on dev pictures, separately for each arm and each seed's latents."""

STRENGTHS = {
    "insert": (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
    "suppress": (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
}
"""Strengths to try: for a clamp in units of the latent's scale, for the difference in means in units of its length."""

Strengths = dict[tuple[str, str, int], float]
"""The best strength on dev pictures, by task, arm and seed."""

SHOWN_STRENGTHS = (1.0, 2.0, 4.0)
"""Strengths at which the clamp's answers are printed."""


def judge_answers(
    session: Session, drawn: DrawnLatents, plan: SteeringPlan, answers: list[str], plain: list[str]
) -> pd.DataFrame:
    """Compare answers with the plain ones and with the ground truth, one row per answer.

    named: whether the answer names the concept. formed: whether it is a description as the model learnt to give it.
    kept: share of the other facts of the plain answer that it still has. cosine: of its embedding and the latent's
    target. told: whether the plain answer named the concept. kind: whether the concept is a kind of object.
    """
    encoder = session.world.encoder
    texts = encoder.encode_texts([answer or "nothing" for answer in answers]).astype(np.float64)
    targets = drawn.target[plan.latent]
    cosines = (texts * targets).sum(axis=1) / (np.linalg.norm(texts, axis=1) * np.linalg.norm(targets, axis=1))
    rows = []
    for i, (answer, before) in enumerate(zip(answers, plain, strict=True)):
        concept = drawn.concept[plan.latent[i]]
        said, was = set(read(answer)), set(read(before))
        others = {fact for fact in was if fact[0] != concept[0]}
        kept = len(others & said) / len(others) if others else np.nan
        about = {"seed": drawn.seed, "latent": int(drawn.latent[plan.latent[i]]), "picture": int(plan.picture[i])}
        about |= {"kind": concept[0] == KIND, "named": concept in said, "formed": is_description(answer)}
        rows.append(about | {"kept": kept, "cosine": cosines[i], "told": concept in was})
    return pd.DataFrame(rows)


def sweep_strengths(session: Session, all_drawn: list[DrawnLatents]) -> pd.DataFrame:
    """Insert and suppress each latent's concept in one dev picture, by every arm of SWEPT_ARMS at all STRENGTHS.

    One row per task, seed, arm and strength: the means of `summarise_answers`.
    """
    return pd.concat(session.workers.all(partial(_sweep, session), _tasks(all_drawn), "strengths"), ignore_index=True)


def _tasks(all_drawn: list[DrawnLatents]) -> list[tuple[DrawnLatents, bool]]:
    """The latents of every seed, with whether to insert their concepts or to suppress them."""
    return [(drawn, insert) for drawn in all_drawn for insert in (True, False)]


def _sweep(session: Session, of: tuple[DrawnLatents, bool]) -> pd.DataFrame:
    drawn, insert = of
    task, rows = "insert" if insert else "suppress", []
    chosen = plan_pictures(session, drawn, "dev", insert, each=1)
    plain = describe_under(session, chosen, None)
    for arm in SWEPT_ARMS:
        for strength in STRENGTHS[task]:
            answers = describe_under(session, chosen, edit_of_arm(drawn, chosen, arm, strength))
            found = judge_answers(session, drawn, chosen, answers, plain)
            about = {"task": task, "seed": drawn.seed, "arm": arm, "strength": strength}
            rows.append(about | _means(found, insert))
    return pd.DataFrame(rows)


def best_strengths(swept: pd.DataFrame) -> Strengths:
    """Find for each task, arm and seed the strength with the highest `both` on dev pictures, the weakest of equal ones.

    It is the weakest, too, where no dev picture has a concept to suppress, and `both` has no value.
    """
    swept = swept.fillna({"both": 0.0}).sort_values("strength", kind="stable").reset_index(drop=True)
    best = swept.loc[swept.groupby(["task", "arm", "seed"]).both.idxmax()]
    return {(row.task, row.arm, row.seed): row.strength for row in best.itertuples()}


def strength_of(strengths: Strengths, task: str, arm: str, seed: int) -> float:
    """The strength of an arm of STEERING_ARMS: its own, that of the clamp with error for a random latent, else none."""
    return strengths.get((task, "clamp + error" if arm == "random latent" else arm, seed), 0.0)


def steer_all(session: Session, all_drawn: list[DrawnLatents], strengths: Strengths) -> pd.DataFrame:
    """`judge_answers` about test pictures under every arm, with task (insert or suppress) and arm as columns."""
    steer = partial(_steer, session, strengths)
    return pd.concat(session.workers.all(steer, _tasks(all_drawn), "steering"), ignore_index=True)


def _steer(session: Session, strengths: Strengths, of: tuple[DrawnLatents, bool]) -> pd.DataFrame:
    drawn, insert = of
    chosen, task, parts = plan_pictures(session, drawn, "test", insert), "insert" if insert else "suppress", []
    plain = describe_under(session, chosen, None)
    for arm in STEERING_ARMS:
        edit = edit_of_arm(drawn, chosen, arm, strength_of(strengths, task, arm, drawn.seed))
        answers = plain if edit is None else describe_under(session, chosen, edit)
        parts.append(judge_answers(session, drawn, chosen, answers, plain).assign(task=task, arm=arm))
    return pd.concat(parts)


def summarise_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """One row per task, arm and seed, the means over answers.

    success: the concept is named (insert), or no longer named (suppress). formed: the answer is well formed. clean:
    both of these. kept: share of the rest. both: clean times kept. cosine; answers: how many. Suppression counts only
    pictures whose concept the plain answer named.
    """
    rows = []
    for (task, arm, seed), found in answers.groupby(["task", "arm", "seed"], sort=False):
        rows.append({"task": task, "arm": arm, "seed": seed} | _means(found, task == "insert"))
    return pd.DataFrame(rows)


def summarise_by_kind(answers: pd.DataFrame) -> pd.DataFrame:
    """Apply `summarise_answers` separately to concepts that are kinds of objects and to all others, with the column
    kind.
    """
    parts = [summarise_answers(rows).assign(kind=kind) for kind, rows in answers.groupby("kind")]
    return pd.concat(parts, ignore_index=True)


def _means(found: pd.DataFrame, insert: bool) -> dict[str, float]:
    found = found if insert else found[found.told]
    success = (found.named if insert else ~found.named).astype(float)
    clean = success * found.formed
    means = {"success": success.mean(), "formed": found.formed.mean(), "clean": clean.mean()}
    means |= {"kept": found.kept.mean(), "both": (clean * found.kept).mean()}
    return means | {"cosine": found.cosine.mean(), "answers": len(found)}


def shown_answers(session: Session, drawn: DrawnLatents, strengths: Strengths) -> pd.DataFrame:
    """What the model says of one test picture for each latent, to be read: number, picture, concept, arm, answer.

    Arms: plain, reconstruct, the clamp at SHOWN_STRENGTHS, and the difference in means at its own best strength.
    """
    plan = plan_pictures(session, drawn, "test", insert=True, each=1)
    arms: list[tuple[str, str, float]] = [("plain", "plain", 0.0), ("reconstruct", "reconstruct", 0.0)]
    arms += [(f"clamp, {strength:g}", "clamp", strength) for strength in SHOWN_STRENGTHS]
    arms.append(("difference in means", "difference in means", strengths["insert", "difference in means", drawn.seed]))
    concepts = [concept_name(drawn.concept[latent]) for latent in plan.latent]
    parts = []
    for name, arm, strength in arms:
        answers = describe_under(session, plan, edit_of_arm(drawn, plan, arm, strength))
        about = {"number": 1 + np.arange(len(answers)), "picture": plan.picture, "concept": concepts}
        parts.append(pd.DataFrame(about | {"arm": name, "answer": answers}))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


def white_picture_answers(session: Session, all_drawn: list[DrawnLatents], strengths: list[float]) -> pd.DataFrame:
    """`judge_answers` about a white picture, as in the paper's table 3, with arm and strength as columns.

    Arms: plain, reconstruct, and the clamp at each strength.
    """
    steer = partial(_steer_white, session, strengths)
    return pd.concat(session.workers.all(steer, all_drawn, "white picture"), ignore_index=True)


def _steer_white(session: Session, strengths: list[float], drawn: DrawnLatents) -> pd.DataFrame:
    size, count, parts = session.world.pictures("test")[0].size, len(drawn.latent), []
    plan = SteeringPlan("test", True, np.arange(count), np.full(count, -1))
    images = [Image.new("RGB", size, "white")] * count
    plain = describe_pictures(session, images, None)
    arms = [("plain", 0.0), ("reconstruct", 0.0), *(("clamp", strength) for strength in strengths)]
    for arm, strength in arms:
        answers = describe_pictures(session, images, edit_of_arm(drawn, plan, arm, strength))
        found = judge_answers(session, drawn, plan, answers, plain)
        parts.append(found.assign(arm=arm, strength=strength))
    return pd.concat(parts)


def cosine_bounds(session: Session, all_drawn: list[DrawnLatents]) -> pd.DataFrame:
    """Bounds of the cosine, as in the paper, one row per seed.

    match: mean cosine of a concept's name with its latent's own target. shuffled: with another latent's target.
    """
    rows = []
    for drawn in all_drawn:
        texts = session.world.encoder.encode_texts([f"a {VALUES[factor][value]}" for factor, value in drawn.concept])
        unit = normalise_rows("names", texts.astype(np.float64))
        cosines = unit @ normalise_rows("targets", drawn.target).T
        other = ~np.array([[mine == one for one in drawn.concept] for mine in drawn.concept])
        rows.append({"seed": drawn.seed, "match": np.diag(cosines).mean(), "shuffled": cosines[other].mean()})
    return pd.DataFrame(rows)
