"""Paper 1, claim C13: what the answers of `steering` are worth, by the ground truth and by the paper's cosine."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.data.progress import progress
from lib.data.scenes.questions import read
from lib.run.start import Session
from lib.run.studies.steering import ARMS, Latents, Plan, edits, plan, say_under


def judged(session: Session, drawn: Latents, plan: Plan, answers: list[str], plain: list[str]) -> pd.DataFrame:
    """One row an answer, held against the plain one and the ground truth.

    named: whether the concept is in it. kept: share of the other facts of the plain answer that are still in it.
    cosine: of its embedding and the latent's target. told: whether the plain answer named the concept.
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
        rows.append(about | {"named": concept in said, "kept": kept, "cosine": cosines[i], "told": concept in was})
    return pd.DataFrame(rows)


def sweep(session: Session, all_drawn: list[Latents], strengths: list[float]) -> pd.DataFrame:
    """Insertion into one dev picture a latent at several strengths, by the clamp and by the difference in means.

    One row for each seed, arm and strength: named, kept, both (their product), over latents.
    """
    rows = []
    for drawn in progress(all_drawn, desc="strengths"):
        chosen = plan(session, drawn, "dev", insert=True, each=1)
        plain = say_under(session, chosen, None)
        for arm in ("clamp", "clamp + error", "difference in means"):
            for strength in strengths:
                answers = say_under(session, chosen, edits(drawn, chosen, arm, strength))
                found = judged(session, drawn, chosen, answers, plain)
                rows.append({"seed": drawn.seed, "arm": arm, "strength": strength} | _means(found, insert=True))
    return pd.DataFrame(rows)


def best_strength(swept: pd.DataFrame) -> float:
    """The strength at which the clamp, as the paper has it, names most while keeping most, on dev pictures."""
    return float(swept[swept.arm == "clamp"].groupby("strength").both.mean().idxmax())


def steer_all(session: Session, all_drawn: list[Latents], strength: float) -> pd.DataFrame:
    """`judged` answers about test pictures: task (insert or suppress), arm, and the columns there."""
    parts = []
    for drawn in progress(all_drawn, desc="steering"):
        for insert in (True, False):
            chosen = plan(session, drawn, "test", insert)
            plain = say_under(session, chosen, None)
            for arm in ARMS:
                edit = edits(drawn, chosen, arm, strength)
                answers = plain if edit is None else say_under(session, chosen, edit)
                found = judged(session, drawn, chosen, answers, plain)
                parts.append(found.assign(task="insert" if insert else "suppress", arm=arm))
    return pd.concat(parts, ignore_index=True)


def summary(answers: pd.DataFrame) -> pd.DataFrame:
    """One row for each task, arm and seed: success (named, or no longer named), kept, both, cosine, answers.

    Suppression counts only pictures whose concept the plain answer named.
    """
    rows = []
    for (task, arm, seed), found in answers.groupby(["task", "arm", "seed"], sort=False):
        counted = found if task == "insert" else found[found.told]
        rows.append({"task": task, "arm": arm, "seed": seed} | _means(counted, task == "insert"))
    return pd.DataFrame(rows)


def _means(found: pd.DataFrame, insert: bool) -> dict[str, float]:
    success = (found.named if insert else ~found.named).astype(float)
    means = {"success": success.mean(), "kept": found.kept.mean(), "both": (success * found.kept).mean()}
    return means | {"cosine": found.cosine.mean(), "answers": len(found)}
