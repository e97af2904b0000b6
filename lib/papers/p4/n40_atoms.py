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
from lib.papers.common.dictionaries import Recipe, recipe_training, train_recipe
from lib.papers.p4.baseline_scores import unedited_scores
from lib.papers.p4.dial_recalls import dial_recalls
from lib.papers.p4.edit_evidence import contradiction_means, fall_of_untold
from lib.papers.p4.editors import Editor, Runs, editor_runs, fit_maskers, fit_worlds, image_side
from lib.papers.p4.factor_probes import contradiction_table, factor_probe_table
from lib.papers.p4.known_atoms import KnownAtoms
from lib.papers.p4.oracle_masks import recovery_table
from lib.papers.p4.settings import ATOM_ARMS, ATOM_DICTIONARY, HALF_TOLD, trained
from lib.sae.base import SAE
from lib.sae.training.train_ahead import train_ahead
from lib.worlds.atoms import AtomWorld
from lib.worlds.dialled_captions import Captioned, caption_pictures
from lib.worlds.session import Session

RATE = ATOM_ARMS["masker"].lr
"""Peak of the rate, chosen on dev captions among RATES, see `dev_table`."""

RATES = (2e-3, 8e-3, 3.2e-2)
"""Rates to choose from."""

SWITCH_SEEDS = 1
"""Number of seeds for the switches and the price: the first of the session, since their effects are large."""

COMPARED_ARMS = ("text only", "masker + text")
"""The arms that switches and rates compare."""

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


def train_all(session: Session) -> None:
    """Train all dictionaries and maskers of the notebook, so that no process waits while a section ends; the tables
    then find them in the cache.
    """
    switched = [switched_session(session, switch) for switch in SWITCHES]
    ahead = [(session, ATOM_DICTIONARY)]
    ahead += [
        (there, switch.recipe) for there, switch in zip(switched, SWITCHES, strict=True) if switch.recipe is not None
    ]
    train_ahead((recipe_training(on, recipe, seed) for on, recipe in ahead for seed in on.seeds), session.device)
    editors = editor_runs(session, ATOM_ARMS)
    dictionaries = {seed: editors["masker", seed][1] for seed in session.seeds}
    worlds = [(session, editors), (session, price_runs(session, dictionaries))]
    worlds += [(there, switch_runs(there, switch)) for there, switch in zip(switched, SWITCHES, strict=True)]
    worlds += [
        (there, rate_runs(there, switch))
        for there, switch in zip(switched, SWITCHES, strict=True)
        if switch in (SWITCHES[0], EASY)
    ]
    fit_worlds(worlds)


def rate_runs(session: Session, switch: Switch) -> Runs:
    """The compared arms of a switch with each of RATES, first seed."""
    seed = session.seeds[0]
    sae = switch_dictionary(session, switch, seed)
    return {
        (f"{arm}, {rate}", seed): (replace(switch.arms[arm], lr=rate), sae) for arm in COMPARED_ARMS for rate in RATES
    }


def dev_table(session: Session, switch: Switch = SWITCHES[0]) -> pd.DataFrame:
    """Compare rates on the dev pairs of a switch's world, first seed, one row per arm and rate.

    loss: the least of the training. step: where it was. start, recall: R@1 in percent before, and there.
    """
    here = switched_session(session, switch)
    rows = []
    for editor in fit_maskers(here, rate_runs(here, switch)):
        kept, start, config = editor.kept, editor.checks.recall.iloc[0], editor.masker.config
        arm = "text only" if config.edit == "none" else "masker + text"
        row = {"switch": switch.name, "arm": arm, "rate": config.lr, "loss": kept.loss, "step": int(kept.step)}
        rows.append(row | {"start": 100 * start, "recall": 100 * kept.recall})
    return pd.DataFrame(rows)


def switch_table(session: Session, n: int, switches: Sequence[Switch] = SWITCHES) -> pd.DataFrame:
    """R@1 at HALF_TOLD facts with one thing changed, one row per switch, seed and arm.

    fvu, best_factor: of the dictionary, see `recovery_table`. i2t, t2i and so on: see `dial_recalls`.
    """
    tables = []
    for switch in switches:
        here = switched_session(session, switch)
        tables.append(_switch_rows(here, switch, fit_maskers(here, switch_runs(here, switch)), n))
    return pd.concat(tables, ignore_index=True)


def switch_runs(session: Session, switch: Switch) -> Runs:
    """The compared arms of a switch with every seed of the session."""
    saes = {seed: switch_dictionary(session, switch, seed) for seed in session.seeds}
    arms = {arm: replace(switch.arms[arm], rho=switch.rho) for arm in COMPARED_ARMS}
    return {(arm, seed): (config, saes[seed]) for arm, config in arms.items() for seed in session.seeds}


def switched_session(session: Session, switch: Switch) -> Session:
    """Return the session in the world of a switch, with the first SWITCH_SEEDS seeds."""
    return replace(first_seeds(session, SWITCH_SEEDS), stand_in=AtomWorld(session.profile, switch.dials))


def _switch_rows(session: Session, switch: Switch, editors: Sequence[Editor], n: int) -> pd.DataFrame:
    test, rows = caption_pictures(session, "test", n, HALF_TOLD), []
    for editor in editors:
        scores = editor.masker.scores(image_side(editor, test.embeddings), test.text)
        rows.append({"switch": switch.name, "seed": editor.seed, "arm": editor.arm} | _recalls(scores, test))
    found = recovery_table(session, {str(editor.seed): editor.sae for editor in editors}, n)
    for seed, fvu, best in zip(session.seeds, found.fvu, found.best_factor, strict=True):
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


def price_runs(session: Session, dictionaries: Mapping[int, SAE]) -> Runs:
    """The masker at each of PRICES on the dictionaries of the first SWITCH_SEEDS seeds."""
    return {
        (f"price {price}", seed): (replace(ATOM_ARMS["masker"], sparsity=price), dictionaries[seed])
        for price in PRICES
        for seed in session.seeds[:SWITCH_SEEDS]
    }


def price_table(session: Session, editors: Sequence[Editor], test: Captioned, n: int) -> pd.DataFrame:
    """Measure what a price on the mean mask buys and costs, one row per price and seed.

    fall: of untold facts, 0 as unedited, 1 as the majority value (claim 2). leak: excess of the caption's wrong value
    (claim 3). r1: R@1 at HALF_TOLD facts, percent. density: mean mask.
    """
    here, rows = first_seeds(session, SWITCH_SEEDS), []
    at = caption_pictures(session, "test", n, HALF_TOLD)
    others = [editor for editor in editors if editor.arm != "masker"]
    fitted = fit_maskers(here, price_runs(here, {e.seed: e.sae for e in editors}))
    for price in PRICES:
        priced = [replace(editor, arm="masker") for editor in fitted if editor.arm == f"price {price}"]
        probes = factor_probe_table(here, [*priced, *others], test)
        lies = contradiction_table(here, [*priced, *others], HALF_TOLD, n)
        leaks = contradiction_means(lies, "masker", "wrong") - contradiction_means(lies, "masker", "by_chance")
        for editor, fall, leak in zip(priced, fall_of_untold(probes, "masker"), leaks, strict=True):
            scores = editor.masker.scores(image_side(editor, at.embeddings), at.text)
            row = {"price": price, "seed": editor.seed, "density": float(editor.masker.read(test.text)[1].mean())}
            rows.append(row | {"fall": fall, "leak": leak, "r1": _recalls(scores, at)["r1"]})
    return pd.DataFrame(rows)
