"""Paper 4, claim 7: captions with one wrong fact as candidates, RoCOCO's attack on pictures whose facts are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lib.base.progress import progress
from lib.base.vectors import normalise_rows
from lib.data.atoms import swap_one
from lib.data.procedural import SILENT
from lib.data.scenes.scene_grammar import true_of
from lib.data.scenes.swap import swaps
from lib.editing.masks import exchange_masks
from lib.encoders.embeddings import Embeddings
from lib.metrics.hard_negatives import preferred
from lib.metrics.retrieval import top_is_true
from lib.metrics.robustness import attack
from lib.papers.p4.baseline_scores import masked_scores, reconstruction_scores
from lib.papers.p4.editing_pairs import training_pairs
from lib.papers.p4.editors import Editor, find_editor, image_side
from lib.papers.p4.oracle_masks import ORACLE, Oracle
from lib.papers.p4.p4_colors import COLORS
from lib.papers.p4.settings import HALF_TOLD
from lib.report.figures import by_role
from lib.worlds.atoms import AtomWorld, embed_atoms
from lib.worlds.caption_factors import scenes_world
from lib.worlds.dialled_captions import caption_pictures
from lib.worlds.session import Session

SWAP_TOLD = (3, 6, 10)
"""Numbers of facts in captions, one of which is swapped."""

TEVI, UNEDITED, TEXT_ONLY = "masker + text", "unedited", "text only"
"""Arms: the paper's method; what it is compared with; the same tuning of the text side without an edit."""

TRAINED_ARMS = ("masker", TEVI, TEXT_ONLY, "constant mask", "dimension mask", "latent query")
"""Arms that are trained."""


@dataclass(frozen=True)
class SwapSet:
    """n pictures under attack."""

    embeddings: Embeddings
    """(2n) the pictures, then the altered ones."""
    text: np.ndarray
    """(4n, d) own, altered and rephrased captions, then those of n other pictures."""
    asserted: np.ndarray
    """(4n, factors) codes that the captions assert."""
    holds: np.ndarray
    """bool (n, 2n): which of the first 2n captions are true of each picture."""

    def __len__(self) -> int:
        return len(self.holds)

    @property
    def image(self) -> np.ndarray:
        """(2n, d) unit embeddings of the pictures, then of the altered ones."""
        return self.embeddings.tower("image")


def swap_set(session: Session, n: int, told: int) -> SwapSet:
    """Make the attack on the first n test pictures, whose captions mention `told` facts."""
    if isinstance(session.world, AtomWorld):
        return _swapped_atoms(session.world, n, told)
    world = scenes_world(session)
    found = swaps("test", n, told, details=world.details)
    size = len(found.scenes)
    rest = caption_pictures(session, "test", 2 * n, told)
    image = [np.asarray(world.embeddings("test").tower("image"))[found.scenes], world.rows_of(found.pictures, "image")]
    text = [
        *(world.rows_of(part, "text") for part in (found.own, found.altered, found.rephrased)),
        rest.text[n : n + size],
    ]
    said = [found.asserted, found.wrong, found.asserted, rest.dialled.asserted[n : n + size]]
    truth = world.scene_truth("test")
    holds = true_of(np.concatenate(said[:2]), truth.scenes[found.scenes], truth.things[found.scenes]).T
    ids = np.array([str(row) for row in range(2 * size)])
    pictures = Embeddings(ids, np.concatenate(image), None, world.encoder.name, True, found.own.identity)
    return SwapSet(pictures, np.concatenate(text), np.concatenate(said), holds)


def _swapped_atoms(world: AtomWorld, n: int, told: int) -> SwapSet:
    """The attack on known atoms, where different noise represents different words."""
    whole = world.drawn_atoms("test", (told, told)).first(2 * n)
    own, others = whole.first(n), whole.rows(np.arange(n, 2 * n))
    altered, pictures = swap_one(own)
    again = replace(own, noise=world.drawn_atoms("test", (told, told), caption=1).first(n).noise)
    parts = (own, altered, again, others)
    shown = [embed_atoms(replace(one, asserted=own.asserted)) for one in (own, pictures)]
    holds = [(one.asserted != SILENT)[None] & (one.asserted[None] != own.codes[:, None]) for one in (own, altered)]
    images = Embeddings(
        np.concatenate([one.ids for one in shown]),
        np.concatenate([one.tower("image") for one in shown]),
        None,
        "atoms",
        True,
        pictures.identity,
    )
    text, said = (np.concatenate([getattr(one, name) for one in parts]) for name in ("text", "asserted"))
    return SwapSet(images, text, said, np.concatenate([~wrong.any(axis=2) for wrong in holds], axis=1))


Answers = dict[str, np.ndarray]
"""Name of a measure to its value per query, in percent."""


def attack_measures(data: SwapSet, scores: np.ndarray) -> Answers:
    """Measures of an attack from scores (2n, 4n), for each of n queries, in percent.

    clean, attacked: R@1 without and with altered captions in the pool. false: an altered one is first. true: the first
    of that pool is true of the picture. prefers: the own caption scores above the altered one. `image ...`: the same
    from text to image, where altered pictures join the pool. Two controls: captions that say the same in other words
    join instead of the altered ones (`rephrased ...`), or those of other scenes (`larger ...`).
    """
    n = len(data)
    own, altered, rephrased, others = (scores[:n, part * n : (part + 1) * n] for part in range(4))
    pictures, labels = scores[n:, :n], np.arange(n)
    arms = {
        "": (own, altered),
        "rephrased ": (own, rephrased),
        "larger ": (own, others),
        "image ": (own.T, pictures.T),
    }
    found: Answers = {}
    for name, block in arms.items():
        result = attack([block], labels, labels)
        found[f"{name}clean"], found[f"{name}attacked"] = result.clean.ranks <= 1, result.attacked.ranks <= 1
        found[f"{name}false"] = result.fooled
        if name != "larger ":
            found[f"{name}prefers"] = preferred(np.diag(block[0]), np.diag(block[1]))
    found["true"] = top_is_true(scores[:n, : 2 * n], data.holds)
    return {name: 100 * values.astype(np.float64) for name, values in found.items()}


def arm_scores(
    session: Session, editors: Sequence[Editor], oracle: Oracle, data: SwapSet, seed: int
) -> dict[str, np.ndarray]:
    """Scores (2n, 4n) of every arm and control, by name."""
    editor = find_editor(editors, "masker", seed)
    images = image_side(editor, data.embeddings)
    means = training_pairs(session)
    parts = {"image": data.image - means.image.mean(axis=0), "text": data.text - means.text.mean(axis=0)}
    centred = [normalise_rows(name, rows.astype(np.float64)) for name, rows in parts.items()]
    others = exchange_masks(editor.masker.read(data.text)[1], np.random.default_rng(seed))
    scores = {
        UNEDITED: data.image.astype(np.float64) @ data.text.astype(np.float64).T,
        "centred": centred[0] @ centred[1].T,
        "all latents kept": reconstruction_scores(images, data.text),
        "other caption's mask": masked_scores(images, data.text, others),
        ORACLE: masked_scores(images, data.text, oracle.masks(data.asserted)),
    }
    for arm in TRAINED_ARMS:
        mine = find_editor(editors, arm, seed)
        scores[arm] = mine.masker.scores(image_side(mine, data.embeddings), data.text)
    return scores


Found = dict[tuple[str, int, int], Answers]
"""Answers by arm, seed and number of facts told."""


def measure_attacks(
    session: Session, editors: Sequence[Editor], oracles: Mapping[int, Oracle], n: int, tolds: Sequence[int] = SWAP_TOLD
) -> Found:
    """Attack every arm with every seed, at each number of facts told. oracles: by seed."""
    found: Found = {}
    for told in progress(tolds, desc="swapped facts"):
        data = swap_set(session, n, told)
        for seed in session.seeds:
            for arm, scores in arm_scores(session, editors, oracles[seed], data, seed).items():
                found[arm, seed, told] = attack_measures(data, scores)
    return found


def swap_table(found: Found) -> pd.DataFrame:
    """Mean of every measure, drop rates and number of queries, one row per arm, seed and number of facts."""
    rows = []
    for (arm, seed, told), one in found.items():
        means = {name.replace(" ", "_"): float(values.mean()) for name, values in one.items()}
        drops = {
            f"{way}drop": 100 * (means[f"{way}clean"] - means[f"{way}attacked"]) / max(means[f"{way}clean"], 1e-9)
            for way in ("", "larger_", "image_")
        }
        rows.append({"arm": arm, "seed": seed, "told": told} | means | drops | {"queries": len(one["clean"])})
    return pd.DataFrame(rows)


def by_arm(table: pd.DataFrame, column: str, told: int = HALF_TOLD) -> Mapping[str, Sequence[float]]:
    """Values of a column over seeds, by arm and grouped by role, for `bars_with_seeds`."""
    rows = table[table.told == told]
    return by_role({str(arm): rows[rows.arm == arm][column].tolist() for arm in rows.arm.unique()}, COLORS)
