"""Paper 1: at which block, and in which of its tokens, a kind of object can be inserted.

The paper steers every token of one block. Few latents of that block stand for a kind of object here, so this study asks
whether another place would do better: every block up to the one that the LLaVA reads, all tokens or only the patches of
the main object, with the latent that fits each kind best and, without a dictionary, with the difference in means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
from torch import Tensor

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

Plain = Mapping[tuple[int, str], list[str]]
"""The model's answers without an edit, by seed and split."""


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
    drawn = {block: [kinds_at(session, block, seed) for seed in seeds] for block in blocks}
    lifts = [_lifts(one, block) for block, latents in drawn.items() for one in latents]
    steer = partial(_steer_at, session, drawn, _plain_answers(session, drawn[0]))
    answers = session.workers.all(steer, [*product(blocks, TOKENS, ARMS)], "places")
    return pd.concat(answers, ignore_index=True), pd.concat(lifts, ignore_index=True)


def _plain_answers(session: Session, drawn: list[DrawnLatents]) -> Plain:
    """The model's answers without an edit about the pictures of every seed, which are those of all blocks."""
    asked = [(one, split) for one in drawn for split in ("dev", "test") if split == "test" or one is drawn[0]]
    return {
        (one.seed, split): describe_under(session, plan_pictures(session, one, split, insert=True, each=1), None)
        for one, split in asked
    }


def _steer_at(
    session: Session, drawn: Mapping[int, list[DrawnLatents]], plain: Plain, place: tuple[int, str, str]
) -> pd.DataFrame:
    """Steer at a place, that is, block and tokens, by an arm at its best strength on dev."""
    block, tokens, arm = place
    steer = partial(_steered, session, block=block, tokens=tokens, arm=arm, plain=plain)
    tried = {value: steer(drawn[block][0], "dev", strength=value) for value in STRENGTHS}
    best = max(tried, key=lambda value: float(tried[value].both.iloc[0]))
    found = [steer(one, "test", strength=best) for one in drawn[block]]
    return pd.concat(found).assign(block=block, tokens=tokens, strength=best)


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
    plain: Plain,
) -> pd.DataFrame:
    plan = plan_pictures(session, drawn, split, insert=True, each=1)
    edit_of = edit_of_arm(drawn, plan, arm, strength)
    assert edit_of is not None
    if tokens == OBJECT:
        edit_of = on_object(edit_of, plan, session.world.llava.patch)
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
