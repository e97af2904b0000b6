"""The content of a scene, drawn from a seed before any pixel is, so that the facts are exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lib.data.scenes.scene_words import BACKGROUNDS, COLOURS, KINDS, PATTERNS, TEXTURES, TURNS

SIDE = 64
"""The side of a picture in pixels."""

MOST = 4
"""The largest number of objects in a scene."""

_BRINGS = 73
"""How many of a hundred objects bring their partner; both of a pair may bring the other, and some find no room."""

_PIXELS = ((12, 14), (17, 20), (25, 29))  # object side for small, medium, large
_STEPS = ((-1, 0, 1), (4, 5), (-5, -4), (17, 18, 19))  # tens of degrees for each of TURNS


@dataclass(frozen=True)
class Thing:
    """An object. Its attributes are codes, numbers into the tuples of `scene_words`, except for the last four."""

    kind: int
    colour: int
    texture: int
    size: int
    turn: int
    across: int
    down: int
    side: int
    """The side of its stamp in pixels."""
    step: int
    """Its turn in steps of ten degrees."""
    x: int
    """The column of its centre."""
    y: int
    """The row of its centre."""


@dataclass(frozen=True)
class Layout:
    """The content of a scene."""

    things: tuple[Thing, ...]
    """One to four objects; the first is the main one, and no other is as large."""
    background: int
    """The code of the background's colour."""
    pattern: int
    """The code of the background's pattern."""
    phase: int
    """The offset of the pattern in pixels."""
    clutter: int
    """The number of dark marks."""
    noise: int
    """The strength of the pixel noise, 0 to 3."""


def held_out(kind: int, colour: int) -> bool:
    """Return whether a kind and a colour never occur together in training and dev scenes (one in ten)."""
    return (3 * kind + 7 * colour) % 10 == 0


def draw_layout(
    random: np.random.Generator, *, novel: bool | None = False, partners: Sequence[int | None] | None = None
) -> Layout:
    """Draw a scene.

    novel: False keeps to combinations of kind and colour that are not held out, True makes the main object one that is,
    and None draws from all. partners: for each kind the one that mostly comes with it, or None; without it, kinds are
    drawn independently.
    """
    numbers = iter(random.integers(0, 1 << 31, size=256).tolist())
    count = 1 + next(numbers) % MOST
    main_size = 1 + (next(numbers) % 3 > 0) if count < MOST else 2
    things: list[Thing] = []
    partner: int | None = None
    while len(things) < count or (partner is not None and len(things) < MOST):
        main = not things
        size = main_size if main else next(numbers) % main_size
        thing = _draw_thing(numbers, size, novel if main or novel is None else False, partner)
        placed = _place(numbers, thing, things)
        if placed is None:
            break  # no room left: the scene has fewer objects
        things.append(placed)
        if partners is not None:
            partner = _bring(numbers, partners[placed.kind], things)
    return Layout(
        things=tuple(things),
        background=next(numbers) % len(BACKGROUNDS),
        pattern=next(numbers) % len(PATTERNS),
        phase=next(numbers) % 16,
        clutter=next(numbers) % 7,
        noise=next(numbers) % 4,
    )


def _bring(numbers: Iterator[int], partner: int | None, things: list[Thing]) -> int | None:
    """Draw whether the partner of the last object comes next; None where it does not, has been, or there is none."""
    comes = next(numbers) % 100 < _BRINGS
    return partner if comes and all(thing.kind != partner for thing in things) else None


def _draw_thing(numbers: Iterator[int], size: int, novel: bool | None, kind: int | None) -> Thing:
    drawn = next(numbers) % len(KINDS)
    kind = drawn if kind is None else kind
    allowed = [c for c in range(len(COLOURS)) if novel is None or held_out(kind, c) == novel]
    smallest, largest = _PIXELS[size]
    turn = next(numbers) % len(TURNS) if KINDS[kind].turned else 0
    steps = _STEPS[turn]
    return Thing(
        kind=kind,
        colour=allowed[next(numbers) % len(allowed)],
        texture=next(numbers) % len(TEXTURES),
        size=size,
        turn=turn,
        across=0,
        down=0,
        side=smallest + next(numbers) % (largest - smallest + 1),
        step=steps[next(numbers) % len(steps)],
        x=0,
        y=0,
    )


def _place(numbers: Iterator[int], thing: Thing, others: list[Thing]) -> Thing | None:
    """Put an object at a free place (at most a fifth of the sides may overlap); None after twelve tries."""
    for _ in range(12):
        half = thing.side // 2 + 1
        x = half + next(numbers) % (SIDE - 2 * half)
        y = half + next(numbers) % (SIDE - 2 * half)
        if all(10 * max(abs(x - o.x), abs(y - o.y)) >= 4 * (thing.side + o.side) for o in others):
            values = {**vars(thing), "x": x, "y": y, "across": _third(x), "down": _third(y)}
            return Thing(**values)
    return None


def _third(position: int) -> int:
    return 0 if position < 26 else 2 if position > 38 else 1
