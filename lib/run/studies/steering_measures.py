"""Paper 1, claim C13: what the answers of `steering` are worth, by the ground truth and by the paper's cosine."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.data.progress import progress
from lib.data.scenes.grammar import VALUES
from lib.data.scenes.questions import read
from lib.report.claims import Claim, claim_over_seeds
from lib.report.verdicts import above, below, combine, verdict
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


def bounds(session: Session, all_drawn: list[Latents]) -> pd.DataFrame:
    """What the cosine can be, a row a seed, as in the paper: of each concept's name with the latent's own target
    (match), and with another latent's (shuffled)."""
    rows = []
    for drawn in all_drawn:
        texts = session.world.encoder.encode_texts([f"a {VALUES[factor][value]}" for factor, value in drawn.concept])
        unit = texts.astype(np.float64) / np.linalg.norm(texts.astype(np.float64), axis=1, keepdims=True)
        cosines = unit @ (drawn.target / np.linalg.norm(drawn.target, axis=1, keepdims=True)).T
        other = ~np.array([[mine == one for one in drawn.concept] for mine in drawn.concept])
        rows.append({"seed": drawn.seed, "match": np.diag(cosines).mean(), "shuffled": cosines[other].mean()})
    return pd.DataFrame(rows)


NOTEBOOK, TOLERANCE = "12_steering", 0.34

INSERTED, TOWARDS, STILL = 0.24, 0.24, 0.1
"""Margins, fixed before any result. INSERTED: half of the rate at which the concept appears in the paper's table 2.
TOWARDS: half of the gain in cosine of its table 3, as a share of the distance between its bounds. STILL: how far, in
the same unit, reconstruction alone may move the cosine."""


def claim_c13(table: pd.DataFrame, limits: pd.DataFrame, strength: float, n: int) -> Claim:
    """Clamping a latent steers towards its concept, and going through the dictionary alone does not."""

    def per_seed(task: str, arm: str, column: str) -> np.ndarray:
        return table[(table.task == task) & (table.arm == arm)].sort_values("seed")[column].to_numpy()

    seeds = sorted(int(seed) for seed in table.seed.unique())
    span = (limits.match - limits.shuffled).to_numpy()
    inserted = per_seed("insert", "clamp", "success") - per_seed("insert", "reconstruct", "success")
    cosine = {arm: per_seed("insert", arm, "cosine") for arm in ("plain", "reconstruct", "clamp")}
    towards = (cosine["clamp"] - cosine["reconstruct"]) / span
    moved = np.abs(cosine["reconstruct"] - cosine["plain"]) / span
    parts = (verdict(above(inserted, INSERTED)), verdict(above(towards, TOWARDS)), verdict(below(moved, STILL)))
    both = {
        f"{task}, both: {arm}": per_seed(task, arm, "both").mean() for task in ("insert", "suppress") for arm in ARMS
    }
    return claim_over_seeds(
        "p1.C13",
        dict(zip(seeds, inserted.tolist(), strict=True)),
        above(inserted, INSERTED),
        statement="clamping a latent makes the LLaVA name its concept, and the dictionary without an edit does not",
        expected="greater",
        metric="share of answers that name a concept the picture lacks, clamp minus reconstruction alone",
        n=n,
        verdict=combine(parts),
        why=f"named by {INSERTED} more often than by reconstruction: {parts[0]}; cosine to the target up by {TOWARDS} "
        f"of the distance between its bounds: {parts[1]}; reconstruction moves it by less than {STILL}: {parts[2]}; "
        f"strength {strength:g} of the latent's largest activations, chosen on dev pictures",
        controls={"cosine towards": towards.mean(), "cosine by reconstruction": moved.mean(), **both},
        tolerance=TOLERANCE,
        notebook=NOTEBOOK,
    )
