"""Paper 4, notebook 40: known atoms, where the premise of text-conditioned editing holds, and the switches that turn it
off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from lib.data.atoms import AtomDials
from lib.editing.masker import MaskerConfig
from lib.papers.common.dictionaries import Recipe, train_recipe
from lib.papers.p4.baseline_scores import unedited_scores
from lib.papers.p4.dial_recalls import dial_recalls
from lib.papers.p4.edit_evidence import contradiction_means, fall_of_untold
from lib.papers.p4.editors import Editor, find_editor, fit_maskers, image_side
from lib.papers.p4.factor_probes import contradiction_table, factor_probe_table
from lib.papers.p4.known_atoms import KnownAtoms
from lib.papers.p4.oracle_masks import recovery_table
from lib.papers.p4.settings import ATOM_ARMS, ATOM_DICTIONARY, HALF_TOLD, trained
from lib.sae.base import SAE
from lib.worlds.atoms import AtomWorld
from lib.worlds.dialled_captions import Captioned, caption_pictures
from lib.worlds.session import Session

RATE = ATOM_ARMS["masker"].lr
"""Peak of the rate, chosen on dev captions among RATES, see `dev_table`."""

RATES = (2e-3, 8e-3, 3.2e-2)
"""Rates to choose from."""

SWITCH_SEEDS = 1
"""Number of seeds for the switches and the price: the first of the session, since their effects are large."""

PRICES = (0.0, 0.1, 0.3, 1.0)
"""Weights of the mean mask in the loss."""


@dataclass(frozen=True)
class Switch:
    """One way to change the world or the method."""

    name: str
    """The changed setting."""
    dials: AtomDials = field(default_factory=AtomDials)
    """The world."""
    recipe: Recipe | None = ATOM_DICTIONARY
    """The dictionary; None for the true atoms with their true codes."""
    rho: float = 1.0
    """Share of the residual that stays."""
    arms: Mapping[str, MaskerConfig] = field(default_factory=lambda: ATOM_ARMS)
    """Steps and rates of the arms."""


EASY_ARMS = trained(1500, 3000, 2e-3) | {"text only": replace(ATOM_ARMS["text only"], steps=3000)}
"""The settings in 128 dimensions, where RATE is too large for an edit but right for text alone; see `dev_table`."""

EASY = Switch("128 dimensions", AtomDials(d=128), Recipe("topk", 1, 12), arms=EASY_ARMS)
"""Atoms that barely interfere."""

SWITCHES = (
    Switch("as above"),
    Switch("the true atoms", recipe=None),
    Switch("residual dropped", rho=0.0),
    Switch("K 6, half of the facts", recipe=Recipe("topk", 3, 6)),
    Switch("K 24, twice the width", recipe=Recipe("topk", 6, 24)),
    EASY,
    Switch("equal strengths", AtomDials(spread=0.0)),
)
"""One change at a time: the dictionary (four), superposition, spread."""


def first_seeds(session: Session, n: int) -> Session:
    """Return the same session with its first seeds only."""
    return replace(session, profile=session.profile.model_copy(update={"seeds": session.seeds[:n]}))


def dev_table(session: Session, switch: Switch = SWITCHES[0]) -> pd.DataFrame:
    """Compare rates on the dev pairs of a switch's world, first seed, one row per arm and rate.

    loss: the least of the training. step: where it was. start, recall: R@1 in percent before, and there.
    """
    here = replace(first_seeds(session, 1), stand_in=AtomWorld(session.profile, switch.dials))
    seed, arms = here.seeds[0], {arm: switch.arms[arm] for arm in ("text only", "masker + text")}
    sae = switch_dictionary(here, switch, seed)
    runs = {(arm, rate): (replace(config, lr=rate), sae) for arm, config in arms.items() for rate in RATES}
    editors = fit_maskers(here, {(f"{arm}, {rate}", seed): run for (arm, rate), run in runs.items()})
    rows = []
    for (arm, rate), editor in zip(runs, editors, strict=True):
        kept, start = editor.kept, editor.checks.recall.iloc[0]
        row = {"switch": switch.name, "arm": arm, "rate": rate, "loss": kept.loss, "step": int(kept.step)}
        rows.append(row | {"start": 100 * start, "recall": 100 * kept.recall})
    return pd.DataFrame(rows)


def switch_table(session: Session, n: int, switches: Sequence[Switch] = SWITCHES) -> pd.DataFrame:
    """R@1 at HALF_TOLD facts with one thing changed, one row per switch, seed and arm.

    fvu, best_factor: of the dictionary, see `recovery_table`. i2t, t2i and so on: see `dial_recalls`.
    """
    rows = []
    for switch in switches:
        world = AtomWorld(session.profile, switch.dials)
        here = replace(first_seeds(session, SWITCH_SEEDS), stand_in=world)
        test = caption_pictures(here, "test", n, HALF_TOLD)
        saes = {seed: switch_dictionary(here, switch, seed) for seed in here.seeds}
        arms = {arm: replace(switch.arms[arm], rho=switch.rho) for arm in ("text only", "masker + text")}
        runs = {(arm, seed): (config, saes[seed]) for arm, config in arms.items() for seed in here.seeds}
        for editor in fit_maskers(here, runs):
            scores = editor.masker.scores(image_side(editor, test.embeddings), test.text)
            rows.append({"switch": switch.name, "seed": editor.seed, "arm": editor.arm} | _recalls(scores, test))
        found = recovery_table(here, {str(seed): sae for seed, sae in saes.items()}, n)
        for seed, fvu, best in zip(here.seeds, found.fvu, found.best_factor, strict=True):
            row = {"switch": switch.name, "seed": seed, "arm": "unedited"} | _recalls(unedited_scores(test), test)
            rows.append(row | {"fvu": fvu, "best_factor": best})
    return pd.DataFrame(rows)


def switch_dictionary(session: Session, switch: Switch, seed: int) -> SAE:
    """The dictionary of a switch, in the world of the session."""
    if switch.recipe is not None:
        return train_recipe(session, switch.recipe, seed)
    world = session.world
    assert isinstance(world, AtomWorld)
    return KnownAtoms([world.drawn_atoms(split) for split in ("train", "dev", "test")])


def _recalls(scores: np.ndarray, test: Captioned) -> dict[str, float]:
    found = dial_recalls(scores, test.dialled.holds())
    return found | {"r1": (found["i2t"] + found["t2i"]) / 2}


def price_table(session: Session, editors: Sequence[Editor], test: Captioned, n: int) -> pd.DataFrame:
    """Measure what a price on the mean mask buys and costs, one row per price and seed.

    fall: of untold facts, 0 as unedited, 1 as the majority value (claim 2). leak: excess of the caption's wrong value
    (claim 3). r1: R@1 at HALF_TOLD facts, percent. density: mean mask.
    """
    here, rows = first_seeds(session, SWITCH_SEEDS), []
    at = caption_pictures(session, "test", n, HALF_TOLD)
    others = [editor for editor in editors if editor.arm != "masker"]
    for price in PRICES:
        runs = {
            ("masker", seed): (replace(ATOM_ARMS["masker"], sparsity=price), find_editor(editors, "masker", seed).sae)
            for seed in here.seeds
        }
        priced = fit_maskers(here, runs)
        probes = factor_probe_table(here, [*priced, *others], test)
        lies = contradiction_table(here, [*priced, *others], HALF_TOLD, n)
        leaks = contradiction_means(lies, "masker", "wrong") - contradiction_means(lies, "masker", "by_chance")
        for editor, fall, leak in zip(priced, fall_of_untold(probes, "masker"), leaks, strict=True):
            scores = editor.masker.scores(image_side(editor, at.embeddings), at.text)
            row = {"price": price, "seed": editor.seed, "density": float(editor.masker.read(test.text)[1].mean())}
            rows.append(row | {"fall": fall, "leak": leak, "r1": _recalls(scores, at)["r1"]})
    return pd.DataFrame(rows)
