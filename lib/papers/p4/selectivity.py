"""Paper 4, claims 1 and 4: which latents the mask keeps, and the modality gap of edited pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lib.base.errors import CompanionError
from lib.base.progress import progress
from lib.data.pairs import Facts
from lib.editing.masks import caption_code_masks, exchange_masks
from lib.metrics.auroc import aurocs
from lib.metrics.gap import modality_gap
from lib.metrics.latent_facts import name_latents
from lib.papers.p4.editing_pairs import training_pairs
from lib.papers.p4.editors import Editor, find_editor, image_side
from lib.papers.p4.factor_probes import own_masks, probe_inputs
from lib.papers.p4.oracle_masks import ORACLE, oracle_of
from lib.worlds.caption_factors import factors_of
from lib.worlds.dialled_captions import Captioned
from lib.worlds.session import Session

ASSIGNED_LIFT = 0.5
"""Lift above which a latent counts as assigned to its fact."""


def selectivity_table(session: Session, editors: Sequence[Editor], test: Captioned) -> pd.DataFrame:
    """How well masks select the latents of mentioned facts, one row per seed and kind of mask.

    auroc: of the mask as a sign that the caption mentions a latent's fact, over the active latents of each picture
    whose fact is true of it. by_latent: mean over latents of the AUROC over all captions. own, same_factor, untold:
    mean mask of assigned latents where the caption mentions their fact, another value of its factor, or neither.
    """
    train, said = training_pairs(session), test.dialled.facts()
    shown, rows = train.dialled.facts(), []
    for seed in progress(session.seeds, desc="selectivity"):
        editor = find_editor(editors, "masker", seed)
        named = name_latents(editor.sae.codes(train.embeddings), shown, groups=factors_of(session).named)
        clear = named.lift > ASSIGNED_LIFT
        if not clear.any():
            raise CompanionError(
                f"no latent of seed {seed} stands for a fact (lift above {ASSIGNED_LIFT}); train it longer"
            )
        latents = named.latent[clear]
        columns = np.array([said.names.index(fact) for fact, keep in zip(named.fact, clear, strict=True) if keep])
        active = editor.sae.codes(test.embeddings).dense()[:, latents] > 0
        means = train.text.mean(axis=0), train.image.mean(axis=0)
        masks = {arm: find_editor(editors, arm, seed).masker.read(test.text)[1] for arm in ("masker", "masker + text")}
        masks["other caption's mask"] = exchange_masks(masks["masker"], np.random.default_rng(seed))
        masks["caption's own code"] = caption_code_masks(editor.sae, test.text, *means)
        masks[ORACLE] = oracle_of(session, editor.sae).masks(test.dialled.asserted)
        for arm, mask in masks.items():
            row = {"arm": arm, "seed": seed, "latents": len(latents)}
            rows.append(row | _selectivity(mask[:, latents].numpy(), active, said, columns))
    return pd.DataFrame(rows)


def _selectivity(masks: np.ndarray, active: np.ndarray, said: Facts, columns: np.ndarray) -> dict[str, float]:
    """Numbers of `selectivity_table` for masks and activity (n, latents); columns: the fact of each latent."""
    own = said.mentioned[:, 0, columns]
    factors = [said.group(said.names[column].split(":")[0]) for column in columns]
    factor = np.stack([said.mentioned[:, 0, group].any(axis=1) for group in factors], axis=1)
    shown = active & said.truth[:, columns]
    enough = (own.sum(axis=0) >= 5) & ((~own).sum(axis=0) >= 5)
    return {
        "auroc": float(aurocs(own[shown][:, None], masks[shown][:, None])[0]),
        "by_latent": float(aurocs(own[:, enough], masks[:, enough]).mean()),
        "own": float(masks[own].mean()),
        "same_factor": float(masks[factor & ~own].mean()),
        "untold": float(masks[~factor].mean()),
    }


def edited_gap_table(session: Session, editors: Sequence[Editor], test: Captioned, n: int = 500) -> pd.DataFrame:
    """Modality gap of captions and of pictures, each edited by its own caption; one row per arm and seed.

    matched, rmg, l2m: see `lib.metrics.gap`. wrong_pairs: mean cosine of a picture edited by another's caption with
    that caption, over all pairs of the first n: alignment that rises there, too, separates nothing.
    """
    rows = []
    some = Captioned(test.dialled.rows(np.arange(n)), test.embeddings.rows(np.arange(n), f"first {n}"))
    for seed in progress(session.seeds, desc="gap"):
        editor = find_editor(editors, "masker", seed)
        images = image_side(editor, test.embeddings)
        oracle = oracle_of(session, editor.sae)
        few = own_masks(editors, seed, some, oracle)
        for arm, masks in own_masks(editors, seed, test, oracle).items():
            tuned = find_editor(editors, arm, seed).masker if arm == "masker + text" else None
            texts, queries = (c.text if tuned is None else tuned.read(c.text)[0].numpy() for c in (test, some))
            gap = modality_gap(probe_inputs(images, masks), texts)
            mask = few[arm]
            if mask is None:
                scores = some.image.astype(np.float64) @ some.text.astype(np.float64).T
            else:
                scores = images.edited.block(slice(n), queries, mask).numpy()
            wrong = (scores.sum() - np.trace(scores)) / (scores.size - len(scores))
            about = {"arm": arm, "seed": seed, "matched": gap.matched, "rmg": gap.rmg, "l2m": gap.l2m}
            rows.append(about | {"wrong_pairs": float(wrong)})
    return pd.DataFrame(rows)
