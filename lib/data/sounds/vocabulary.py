"""The words of the sounds world: what can be heard, and how captions may name it.

Everything is listed in a fixed order; the number of a value in its tuple is its code in the fact tables.
"""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """An instrument as a recipe. names: synonyms, the first is its name.

    onset, later: weights of the harmonics 1, 2, ... when a note begins and when it has settled. settle: milliseconds
    in which half of that change is made. ratio, depth: phase modulation for tones that are no harmonics: frequency of
    the modulator in sixteenths of the note's, and its depth at the onset in hundredths of a cycle, which fades by
    half in `settle`. breath: noise in the tone, in percent.
    """

    names: tuple[str, ...]
    onset: tuple[int, ...]
    later: tuple[int, ...]
    settle: int = 200
    ratio: int = 0
    depth: int = 0
    breath: int = 0


_BOWED = (100, 85, 70, 62, 54, 46, 40, 34, 28, 24, 20, 16)
_REED = (100, 0, 75, 0, 50, 0, 33, 0, 22, 0, 12)
_DOUBLE_REED = (30, 60, 100, 90, 60, 45, 25, 12)
_DRAWBARS = (100, 80, 0, 70, 0, 0, 0, 60)
_SQUARE = (300, 0, 100, 0, 60, 0, 43, 0, 33, 0, 27)
_PULSE = (100,) * 12

TAXONOMY: dict[str, tuple[Kind, ...]] = {
    "string": (
        Kind(("violin", "fiddle"), _BOWED, _BOWED, breath=3),
        Kind(("guitar",), (100, 70, 50, 35, 25, 15, 10, 6, 4, 2), (100, 30, 8, 2), settle=150),
        Kind(("harp", "lyre"), (100, 45, 30, 10), (100, 6), settle=80),
        Kind(("banjo",), (60, 100, 90, 80, 70, 60, 60, 50, 40, 30, 30, 20), (100, 40, 60, 20, 30), settle=40),
    ),
    "wind": (
        Kind(("flute", "whistle"), (100, 20, 8), (100, 12, 4), breath=18),
        Kind(("clarinet",), _REED, _REED),
        Kind(("oboe", "shawm"), _DOUBLE_REED, _DOUBLE_REED),
        Kind(("trumpet", "bugle"), (100, 20, 5), (70, 100, 95, 80, 60, 45, 30, 20, 12, 8), settle=120),
    ),
    "bell": (
        Kind(("church bell",), (100,), (100,), settle=500, ratio=22, depth=32),
        Kind(("glockenspiel", "chimes"), (100,), (100,), settle=90, ratio=86, depth=26),
        Kind(("marimba", "xylophone"), (100, 0, 0, 90, 0, 0, 0, 0, 0, 40), (100,), settle=35),
        Kind(("gong", "tam-tam"), (100,), (100,), settle=900, ratio=9, depth=70),
    ),
    "electric": (
        Kind(("organ",), _DRAWBARS, _DRAWBARS),
        Kind(("synthesiser", "game console"), _SQUARE, _SQUARE),
        Kind(("buzzer", "alarm"), _PULSE, _PULSE),
        Kind(("theremin", "sine generator"), (100,), (100,)),
    ),
}

KINDS: tuple[Kind, ...] = tuple(kind for kinds in TAXONOMY.values() for kind in kinds)
KIND_NAMES: tuple[str, ...] = tuple(kind.names[0] for kind in KINDS)
FAMILIES: tuple[str, ...] = tuple(TAXONOMY)
FAMILY_OF: tuple[int, ...] = tuple(FAMILIES.index(family) for family, kinds in TAXONOMY.items() for _ in kinds)

PITCHES: tuple[str, ...] = ("low", "middle", "high")
TEMPOS: tuple[str, ...] = ("slow", "moderate", "fast")
MOTIONS: tuple[str, ...] = ("level", "rising", "falling", "zigzag")
ENVELOPES: tuple[str, ...] = ("plucked", "held", "swelling", "clipped")
WAVERS: tuple[str, ...] = ("steady", "vibrato", "tremolo")
LOUDNESSES: tuple[str, ...] = ("quiet", "medium", "loud")
BACKGROUNDS: tuple[str, ...] = ("clean", "hiss", "rumble", "crackle")
ROOMS: tuple[str, ...] = ("dry", "echo")

SYNONYMS: dict[str, tuple[str, ...]] = {
    "low": ("low", "deep"),
    "middle": ("mid range", "medium pitched"),
    "high": ("high", "high pitched"),
    "slow": ("at a slow pace", "in long notes"),
    "moderate": ("at a moderate pace", "neither slow nor fast"),
    "fast": ("at a fast pace", "in quick notes"),
    "level": ("staying on one note", "on a level tone"),
    "rising": ("going up", "climbing"),
    "falling": ("going down", "descending"),
    "zigzag": ("going up and down", "in a zigzag"),
    "plucked": ("plucked", "fading"),
    "held": ("held", "sustained"),
    "swelling": ("swelling", "growing"),
    "clipped": ("clipped", "staccato"),
    "steady": ("with a steady tone", "without vibrato"),
    "vibrato": ("with vibrato", "with a wavering pitch"),
    "tremolo": ("with tremolo", "with a trembling loudness"),
    "quiet": ("quiet", "soft", "faint"),
    "medium": ("medium loud", "moderately loud"),
    "loud": ("loud", "strong", "booming"),
    "clean": ("with no noise", "in silence"),
    "hiss": ("over hiss", "in white noise"),
    "rumble": ("over a rumble", "with wind noise"),
    "crackle": ("over crackle", "with clicks"),
    "dry": ("without echo", "in a dry room"),
    "echo": ("with echo", "in a large hall"),
}
