"""The factors that a world's captions can mention, and the worlds whose captions tell as many of them as one likes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lib.base.errors import NotAvailable
from lib.data.atoms.draw_atoms import FACTORS as ATOM_FACTORS
from lib.data.atoms.draw_atoms import VALUES as ATOM_VALUES
from lib.data.scenes.scene_grammar import FACTORS, VALUES
from lib.metrics.latent_facts import NAMING
from lib.worlds.atoms import AtomWorld
from lib.worlds.scenes import Scenes
from lib.worlds.session import Session
from lib.worlds.world import World


@dataclass(frozen=True)
class Factors:
    """The range of facts that a world's captions can mention."""

    names: tuple[str, ...]
    """Every factor, in the order of the codes."""
    values: tuple[int, ...]
    """Number of values of each factor."""
    probed: tuple[str, ...]
    """Factors that probes read; all pictures have them."""
    wrong: tuple[str, ...]
    """Factors for which captions are changed to say a wrong value."""
    named: tuple[str, ...]
    """Groups of facts that may name a latent."""


SCENE_FACTORS = Factors(
    FACTORS,
    tuple(map(len, VALUES)),
    probed=("kind", "colour", "texture", "size", "background", "pattern", "count"),
    wrong=("kind", "colour", "texture", "background", "pattern"),
    named=NAMING,
)

DETAIL_FACTORS = replace(SCENE_FACTORS, probed=SCENE_FACTORS.probed[1:], wrong=SCENE_FACTORS.wrong[1:])
"""The groups where captions never mention the kind."""

_NUMBERS = tuple(str(factor) for factor in range(ATOM_FACTORS))
ATOM_WORLD_FACTORS = Factors(_NUMBERS, (ATOM_VALUES,) * ATOM_FACTORS, _NUMBERS[:7], _NUMBERS[:5], _NUMBERS)


def factors_of(session: Session) -> Factors:
    """The factors of the session's world; raises NotAvailable if its captions have no dial."""
    if isinstance(session.world, AtomWorld):
        return ATOM_WORLD_FACTORS
    return DETAIL_FACTORS if scenes_world(session).details else SCENE_FACTORS


def has_dial(session: Session) -> bool:
    """Whether the world's captions can be made with more or fewer facts."""
    return isinstance(session.world, Scenes | AtomWorld)


def scenes_world(session: Session) -> Scenes:
    """The session's world; raises NotAvailable if its captions have no words and no dial."""
    return scenes_of(session.world)


def scenes_of(world: World) -> Scenes:
    """The world, if it is one of scenes; else NotAvailable."""
    if not isinstance(world, Scenes):
        raise NotAvailable(f"world {world.name} has no caption dial; use profile scenes")
    return world
