"""Paper 4: the arms that are compared, and how they are trained in each world, chosen on its dev pairs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lib.editing.masker import MaskerConfig
from lib.papers.common.dictionaries import Recipe
from lib.worlds.atoms import AtomWorld
from lib.worlds.least_sizes import PAIRS, check_sizes
from lib.worlds.products import Products
from lib.worlds.scenes_details import ScenesDetails
from lib.worlds.session import Session

EDITS: dict[str, MaskerConfig] = {
    "masker": MaskerConfig(),
    "masker + text": MaskerConfig(text_head=True),
    "text only": MaskerConfig("none", text_head=True),
    "constant mask": MaskerConfig("constant"),
    "dimension mask": MaskerConfig("dimensions"),
    "latent query": MaskerConfig("query"),
    "leaky training": MaskerConfig("leaky"),
    "residual dropped": MaskerConfig(rho=0.0),
}
"""Maskers that are trained, all on the same pairs; stage A is "masker", stage B "masker + text"."""


def trained(steps: int, text_steps: int, rate: float, text_batch: int = 128) -> dict[str, MaskerConfig]:
    """The EDITS, with so many steps and this peak of the rate; the text head alone has its own steps and batch."""
    edits = {arm: replace(edit, steps=steps, lr=rate) for arm, edit in EDITS.items()}
    return edits | {"text only": replace(edits["text only"], steps=text_steps, batch=text_batch)}


MASKER_ARMS = trained(800, 800, 5e-4)
"""The arms in most worlds; at a rate of 2e-3 even the text head alone over-fits the scenes."""

DICTIONARY = Recipe("topk", 2, 16)
"""The dictionary in most worlds: TEVI's is a TopK; width and K are ours, K so that 90 % of variance is explained."""

ATOM_ARMS = trained(1000, 2000, 8e-3)
"""The arms in the world of known atoms, see `n40_atoms.dev_table`."""

ATOM_DICTIONARY = Recipe("topk", 3, 12)
"""K is the number of facts of a picture, the width twice the number of atoms."""


SEARCHED_PICTURES = 1000
"""Test pictures to search among, in most worlds."""

TEST_SCENES = 500
"""Test pictures along the dial."""

HALF_TOLD = 6
"""Number of facts told where the controls are compared: half of all facts."""


@dataclass(frozen=True)
class Setting:
    """How the pictures of a world are edited, and how many are searched."""

    dictionary: Recipe = DICTIONARY
    """The dictionary that is edited."""
    arms: dict[str, MaskerConfig] = field(default_factory=lambda: MASKER_ARMS)
    """The arms."""
    captions: int = 2
    """Captions of each train picture, one for each epoch in turn; those of scenes take half a minute each."""
    searched: int = SEARCHED_PICTURES
    """Test pictures to search among."""
    told: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12)
    """The dial: numbers of facts in captions, where these can be chosen."""


ATOMS = Setting(ATOM_DICTIONARY, ATOM_ARMS, captions=12, told=(1, 2, 3, 4, 6, 8, 10, 12))
DETAILS = Setting(
    Recipe("topk", 3, 12),
    trained(1000, 3000, 2e-3, text_batch=256),
    searched=2000,
    told=(1, 2, 3, 4, 6, 8, 11),
)
"""K is about the number of facts of a scene, the width a few more than there are facts. See `n41_premise`."""


PRODUCTS = Setting(Recipe("topk", 1, 16), trained(200, 200, 5e-4))
"""For 800 pairs of one caption: 33 epochs, and fewer latents than there are pictures to learn them from."""


def setting_of(session: Session) -> Setting:
    """The setting of the session's world. It comes before all trainings, so a world without pairs is refused here."""
    if isinstance(session.world, AtomWorld):
        return ATOMS
    check_sizes(session, PAIRS)
    if isinstance(session.world, Products):
        return PRODUCTS
    return DETAILS if isinstance(session.world, ScenesDetails) else Setting()
