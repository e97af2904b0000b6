"""The words of the sounds: the things that can be heard, and the words by which captions may name them.

Everything is in a fixed order; the number of a value in its tuple is its code.
"""

from __future__ import annotations

from typing import NamedTuple


class Instrument(NamedTuple):
    """A kind of instrument, as a recipe for its tone.

    Tones that are not harmonics come from phase modulation, by `ratio` and `depth`.
    """

    names: tuple[str, ...]
    """Its synonyms; the first is its name."""
    onset: tuple[int, ...]
    """The weights of the harmonics 1, 2, ... when a note begins."""
    later: tuple[int, ...]
    """The weights of the harmonics when a note has settled."""
    settle: int = 200
    """The milliseconds in which a note makes half of the change from one to the other."""
    ratio: int = 0
    """The frequency of the modulator, in sixteenths of the note's."""
    depth: int = 0
    """The depth of the modulation at the onset, in hundredths of a cycle; it halves in every `settle`."""
    breath: int = 0
    """The noise in the tone, in percent."""


_BOWED = (100, 85, 70, 62, 54, 46, 40, 34, 28, 24, 20, 16)
_REED = (100, 0, 75, 0, 50, 0, 33, 0, 22, 0, 12)
_DOUBLE_REED = (30, 60, 100, 90, 60, 45, 25, 12)
_DRAWBARS = (100, 80, 0, 70, 0, 0, 0, 60)
_SQUARE = (300, 0, 100, 0, 60, 0, 43, 0, 33, 0, 27)
_PULSE = (100,) * 12

TAXONOMY: dict[str, tuple[Instrument, ...]] = {
    "string": (
        Instrument(("violin", "fiddle"), _BOWED, _BOWED, breath=3),
        Instrument(("guitar",), (100, 70, 50, 35, 25, 15, 10, 6, 4, 2), (100, 30, 8, 2), settle=150),
        Instrument(("harp", "lyre"), (100, 45, 30, 10), (100, 6), settle=80),
        Instrument(("banjo",), (60, 100, 90, 80, 70, 60, 60, 50, 40, 30, 30, 20), (100, 40, 60, 20, 30), settle=40),
    ),
    "wind": (
        Instrument(("flute", "whistle"), (100, 20, 8), (100, 12, 4), breath=18),
        Instrument(("clarinet",), _REED, _REED),
        Instrument(("oboe", "shawm"), _DOUBLE_REED, _DOUBLE_REED),
        Instrument(("trumpet", "bugle"), (100, 20, 5), (70, 100, 95, 80, 60, 45, 30, 20, 12, 8), settle=120),
    ),
    "bell": (
        Instrument(("church bell",), (100,), (100,), settle=500, ratio=22, depth=32),
        Instrument(("glockenspiel", "chimes"), (100,), (100,), settle=90, ratio=86, depth=26),
        Instrument(("marimba", "xylophone"), (100, 0, 0, 90, 0, 0, 0, 0, 0, 40), (100,), settle=35),
        Instrument(("gong", "tam-tam"), (100,), (100,), settle=900, ratio=9, depth=70),
    ),
    "electric": (
        Instrument(("organ",), _DRAWBARS, _DRAWBARS),
        Instrument(("synthesiser", "game console"), _SQUARE, _SQUARE),
        Instrument(("buzzer", "alarm"), _PULSE, _PULSE),
        Instrument(("theremin", "sine generator"), (100,), (100,)),
    ),
}

KINDS: tuple[Instrument, ...] = tuple(kind for kinds in TAXONOMY.values() for kind in kinds)
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
