"""Paper 1: at which block, and in which of its tokens, a kind of object can be inserted.

The paper steers every token of one block. Few latents of that block stand for a kind of object here, so this study asks
whether another place would do better: every block up to the one that the LLaVA reads, all tokens or only the patches of
the main object, with the latent that fits each kind best and, without a dictionary, with the difference in means.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lib.base.progress import progress
from lib.data.scenes.scene_pairs import layout_of
from lib.editing.steering import Edit
from lib.encoders.training.lessons import shown_codes
from lib.papers.p1.n12_answers import judge_answers, summarise_answers
from lib.papers.p1.n12_steering import (
    KIND,
    LEAST_PATCHES,
    DrawnLatents,
    SteeringPlan,
    block_of,
    concept_name,
    describe_under,
    edit_of_arm,
    patch_concepts,
    patch_dictionary,
    patch_tokens,
    patch_training,
    plan_pictures,
)
from lib.sae.training.train_ahead import train_ahead
from lib.worlds.session import Session

EVERY, OBJECT = "every token", "the object's patches"
TOKENS = (EVERY, OBJECT)
ARMS = ("clamp + error", "difference in means")
STRENGTHS = (1.0, 2.0, 4.0, 8.0)
"""Strengths that are tried on dev pictures with the dictionary of the first seed, for each place and arm."""

SEEDS = 3
"""Seeds whose dictionaries are compared, each on different pictures."""

KINDS_STEERED = 16
"""Kinds of objects that are inserted, evenly spread over those that enough patches show."""


def kinds_at(session: Session, block: int, seed: int) -> DrawnLatents:
    """Find for KINDS_STEERED kinds of objects the live latent of a block's dictionary that is most specific to the
    kind.

    Kinds that fewer than LEAST_PATCHES patches show are left out.
    """
    found = patch_dictionary(session, seed, block)
    shown = found.truth.sum(axis=0)
    kinds = [at for at, (factor, _) in enumerate(patch_concepts()) if factor == KIND and shown[at] >= LEAST_PATCHES]
    chosen = np.array(kinds[:: max(1, len(kinds) // KINDS_STEERED)][:KINDS_STEERED])
    latent = found.live[found.lift[found.live][:, chosen].argmax(axis=0)]
    return found.described(session, latent, chosen, np.random.default_rng(seed), eligible=len(found.live))


def steer_kinds(session: Session) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Insert each kind of object at every place, by each arm at its own best strength on dev.

    The first table has the means of `summarise_answers` by block, tokens, arm and seed, on test pictures, and the
    strength; the second has the lift of every kind's latent by block and seed.
    """
    blocks = range(block_of(session.world.llava) + 1)
    seeds = session.seeds[:SEEDS]
    for block in blocks:
        patches = patch_tokens(session, block)
        train_ahead((patch_training(session, patches, seed) for seed in seeds), session.device)
    answers, lifts, plain = [], [], dict[tuple[int, str], list[str]]()
    for block in progress(blocks, desc="blocks"):
        drawn = [kinds_at(session, block, seed) for seed in seeds]
        lifts += [_lifts(one, block) for one in drawn]
        for tokens, arm in product(TOKENS, ARMS):
            place = partial(_steered, session, block=block, tokens=tokens, arm=arm, plain=plain)
            tried = {value: place(drawn[0], "dev", strength=value) for value in STRENGTHS}
            best = max(tried, key=lambda value: float(tried[value].both.iloc[0]))
            found = [place(one, "test", strength=best) for one in drawn]
            answers.append(pd.concat(found).assign(block=block, tokens=tokens, strength=best))
    return pd.concat(answers, ignore_index=True), pd.concat(lifts, ignore_index=True)


def _lifts(drawn: DrawnLatents, block: int) -> pd.DataFrame:
    kinds = [concept_name(one) for one in drawn.concept]
    return pd.DataFrame({"block": block, "seed": drawn.seed, "kind": kinds, "lift": drawn.lift})


def _steered(
    session: Session,
    drawn: DrawnLatents,
    split: str,
    *,
    block: int,
    tokens: str,
    arm: str,
    strength: float,
    plain: dict[tuple[int, str], list[str]],
) -> pd.DataFrame:
    """plain: the model's answers about the same pictures without an edit, by seed and split; missing ones are added."""
    plan = plan_pictures(session, drawn, split, insert=True, each=1)
    edit_of = edit_of_arm(drawn, plan, arm, strength)
    assert edit_of is not None
    if tokens == OBJECT:
        edit_of = on_object(edit_of, plan, session.world.llava.patch)
    if (drawn.seed, split) not in plain:
        plain[drawn.seed, split] = describe_under(session, plan, None)
    said = describe_under(session, plan, edit_of, block)
    answers = judge_answers(session, drawn, plan, said, plain[drawn.seed, split])
    return summarise_answers(answers.assign(task="insert", arm=arm))


def on_object(edit_of: Callable[[slice], Edit], plan: SteeringPlan, patch: int) -> Callable[[slice], Edit]:
    """Restrict the same edits to the patches that show the main object of each picture.

    patch: width of a patch in pixels.
    """
    shown = object_patches(plan, patch)

    def limited(rows: slice) -> Edit:
        edit, here = edit_of(rows), shown[rows]

        def edited(tokens: Tensor) -> Tensor:
            others = len(tokens) // len(here) - here.shape[1]  # a class token comes before the patches
            chosen = torch.nn.functional.pad(here, (others, 0)).flatten().to(tokens.device)
            return torch.where(chosen[:, None], edit(tokens), tokens)

        return edited

    return limited


def object_patches(plan: SteeringPlan, patch: int) -> Tensor:
    """bool (n, patches): which patches show the main object of each picture of a plan."""
    layouts = [layout_of(plan.split, 0, int(row)) for row in plan.picture]
    return torch.from_numpy(np.stack([shown_codes(one, patch)[:, 0] == one.things[0].kind for one in layouts]))
