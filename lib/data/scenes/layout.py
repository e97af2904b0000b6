"""What is in a scene: drawn from a seed before any pixel is, so that the facts are exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lib.data.scenes.vocabulary import BACKGROUNDS, COLOURS, KINDS, PATTERNS, TEXTURES, TURNS

SIDE = 64
"""Pictures are SIDE x SIDE pixels."""

MOST = 4
"""At most this many objects in a scene."""

_PIXELS = ((12, 14), (17, 20), (25, 29))  # object side for small, medium, large
_STEPS = ((-1, 0, 1), (4, 5), (-5, -4), (17, 18, 19))  # tens of degrees for each of TURNS


@dataclass(frozen=True)
class Thing:
    """One object; every attribute is a number into the vocabulary's tuples, pixels apart."""

    kind: int
    colour: int
    texture: int
    size: int
    turn: int
    across: int
    down: int
    side: int
    step: int
    x: int
    y: int


@dataclass(frozen=True)
class Layout:
    """A whole scene. things: one to four objects, the first is the main one and the only one of the largest size."""

    things: tuple[Thing, ...]
    background: int
    pattern: int
    phase: int
    clutter: int
    noise: int


def held_out(kind: int, colour: int) -> bool:
    """Whether a combination of kind and colour never occurs in training or dev scenes (one in ten)."""
    return (3 * kind + 7 * colour) % 10 == 0


def draw_layout(random: np.random.Generator, *, novel: bool | None = False) -> Layout:
    """A scene. novel: False keeps to combinations that are not held out, True makes the main object one that is,
    None draws from all."""
    numbers = iter(random.integers(0, 1 << 31, size=256).tolist())
    count = 1 + next(numbers) % MOST
    main_size = 1 + (next(numbers) % 3 > 0) if count < MOST else 2
    things: list[Thing] = []
    while len(things) < count:
        main = not things
        size = main_size if main else next(numbers) % main_size
        thing = _draw_thing(numbers, size, novel if main or novel is None else False)
        placed = _place(numbers, thing, things)
        if placed is None:
            break  # no room left: the scene has fewer objects
        things.append(placed)
    return Layout(
        things=tuple(things),
        background=next(numbers) % len(BACKGROUNDS),
        pattern=next(numbers) % len(PATTERNS),
        phase=next(numbers) % 16,
        clutter=next(numbers) % 7,
        noise=next(numbers) % 4,
    )


def _draw_thing(numbers: Iterator[int], size: int, novel: bool | None) -> Thing:
    kind = next(numbers) % len(KINDS)
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
    """The thing at a free place (at most a fifth of the sides may overlap), or None after twelve tries."""
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
