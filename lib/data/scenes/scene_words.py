"""The words of the scenes: the things that can be in a picture, and the words by which captions may name them.

Everything is in a fixed order; the number of a value in its tuple is its code.
"""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of object."""

    names: tuple[str, ...]
    """Its synonyms; the first is its name."""
    glyph: int
    """The code point of the glyph that draws it."""
    hollow: bool = False
    """Whether the glyph is an outline, which is drawn as a filled silhouette with dark lines."""
    turned: bool = True
    """Whether a rotation shows."""


TAXONOMY: dict[str, dict[str, tuple[Kind, ...]]] = {
    "nature": {
        "sky": (
            Kind(("sun", "sunshine"), 0x2600, turned=False),
            Kind(("cloud",), 0x2601),
            Kind(("moon", "crescent"), 0x263D, hollow=True),
            Kind(("snowflake", "ice crystal"), 0x2746, turned=False),
        ),
        "plant": (
            Kind(("clover", "shamrock"), 0x2618),
            Kind(("flower", "blossom"), 0x273F, turned=False),
            Kind(("daisy",), 0x2742, turned=False),
            Kind(("leaf", "ivy"), 0x2766),
        ),
        "animal": (
            Kind(("mouse",), 0x1F42D, hollow=True),
            Kind(("cow",), 0x1F42E, hollow=True),
            Kind(("cat", "kitten"), 0x1F431, hollow=True),
            Kind(("horse", "pony"), 0x265E),
        ),
        "head": (
            Kind(("smiley", "smiling face"), 0x263A, hollow=True),
            Kind(("devil", "demon"), 0x1F608, hollow=True),
            Kind(("sunglasses face", "cool face"), 0x1F60E, hollow=True),
            Kind(("skull",), 0x2620, hollow=True),
        ),
    },
    "play": {
        "chess piece": (
            Kind(("king",), 0x265A),
            Kind(("queen",), 0x265B),
            Kind(("rook", "castle"), 0x265C),
            Kind(("bishop",), 0x265D),
        ),
        "card suit": (
            Kind(("spade",), 0x2660),
            Kind(("club",), 0x2663),
            Kind(("heart",), 0x2665),
            Kind(("diamond",), 0x2666),
        ),
        "music sign": (
            Kind(("note", "quaver"), 0x266A),
            Kind(("double note", "pair of notes"), 0x266B),
            Kind(("sharp",), 0x266F),
            Kind(("flat",), 0x266D),
        ),
        "shape": (
            Kind(("circle", "disc"), 0x25CF, turned=False),
            Kind(("square",), 0x25A0, turned=False),
            Kind(("triangle",), 0x25B2),
            Kind(("hexagon",), 0x2B22, turned=False),
        ),
    },
    "artefact": {
        "transport": (
            Kind(("plane", "aeroplane"), 0x2708),
            Kind(("anchor",), 0x2693),
            Kind(("steering wheel", "ship wheel"), 0x2638, turned=False),
            Kind(("wheelchair",), 0x267F),
        ),
        "stationery": (
            Kind(("pencil",), 0x270F, hollow=True),
            Kind(("pen", "nib"), 0x2712),
            Kind(("envelope", "letter"), 0x2709, hollow=True),
            Kind(("scissors",), 0x2702),
        ),
        "household": (
            Kind(("umbrella", "parasol"), 0x2602),
            Kind(("telephone", "phone"), 0x260E),
            Kind(("cup", "mug"), 0x2615, hollow=True),
            Kind(("vase", "urn"), 0x26B1, hollow=True),
        ),
        "workshop": (
            Kind(("gear", "cogwheel"), 0x2699, turned=False),
            Kind(("hammer",), 0x2692),
            Kind(("scales", "balance"), 0x2696),
            Kind(("flask",), 0x2697),
        ),
    },
    "sign": {
        "hazard": (
            Kind(("radiation sign", "nuclear sign"), 0x2622, turned=False),
            Kind(("biohazard",), 0x2623),
            Kind(("warning triangle", "warning sign"), 0x26A0, hollow=True),
            Kind(("lightning", "bolt"), 0x26A1),
        ),
        "emblem": (
            Kind(("crucifix",), 0x271D),
            Kind(("ankh",), 0x2625),
            Kind(("peace sign",), 0x262E),
            Kind(("yin yang",), 0x262F),
        ),
        "mark": (
            Kind(("tick", "check mark"), 0x2714),
            Kind(("cross",), 0x2716, turned=False),
            Kind(("plus",), 0x271A, turned=False),
            Kind(("asterisk",), 0x2731, turned=False),
        ),
        "pointer": (
            Kind(("star",), 0x2605, turned=False),
            Kind(("flag", "banner"), 0x2691),
            Kind(("hand", "pointing hand"), 0x261B),
            Kind(("recycling sign",), 0x267B, turned=False),
        ),
    },
}

KINDS: tuple[Kind, ...] = tuple(kind for groups in TAXONOMY.values() for kinds in groups.values() for kind in kinds)
KIND_NAMES: tuple[str, ...] = tuple(kind.names[0] for kind in KINDS)
GROUPS: tuple[str, ...] = tuple(group for groups in TAXONOMY.values() for group in groups)
REALMS: tuple[str, ...] = tuple(TAXONOMY)

GROUP_OF: tuple[int, ...] = tuple(
    GROUPS.index(group) for groups in TAXONOMY.values() for group, kinds in groups.items() for _ in kinds
)
REALM_OF: tuple[int, ...] = tuple(
    REALMS.index(realm) for realm, groups in TAXONOMY.items() for kinds in groups.values() for _ in kinds
)

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (205, 30, 35),
    "orange": (240, 125, 15),
    "yellow": (225, 195, 5),
    "green": (35, 140, 50),
    "teal": (5, 150, 155),
    "blue": (35, 70, 205),
    "purple": (125, 45, 165),
    "pink": (235, 95, 165),
    "brown": (120, 72, 35),
    "black": (28, 28, 32),
}
BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (248, 248, 246),
    "grey": (178, 180, 184),
    "beige": (232, 214, 182),
    "mint": (186, 230, 200),
    "sky blue": (176, 212, 240),
    "lavender": (214, 196, 236),
}
PATTERNS: tuple[str, ...] = ("plain", "striped", "checked", "dotted", "shaded", "hatched")
TEXTURES: tuple[str, ...] = ("solid", "banded", "speckled")
SIZES: tuple[str, ...] = ("small", "medium", "large")
TURNS: tuple[str, ...] = ("upright", "leaning left", "leaning right", "upside down")
ACROSS: tuple[str, ...] = ("left", "centre", "right")
DOWN: tuple[str, ...] = ("top", "middle", "bottom")
COUNTS: tuple[str, ...] = ("one", "two", "three", "four")

SYNONYMS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson"),
    "teal": ("teal", "turquoise"),
    "purple": ("purple", "violet"),
    "grey": ("grey", "gray"),
    "small": ("small", "little", "tiny"),
    "medium": ("medium sized", "mid sized"),
    "large": ("large", "big", "huge"),
    "solid": ("solid", "evenly filled"),
    "banded": ("banded", "ribbed"),
    "speckled": ("speckled", "freckled"),
    "plain": ("plain", "bare"),
    "striped": ("striped", "stripy"),
    "checked": ("checked", "chequered"),
    "dotted": ("dotted", "spotted"),
    "shaded": ("shaded", "fading"),
    "hatched": ("hatched", "cross-hatched"),
    "upright": ("upright", "standing straight"),
    "leaning left": ("leaning left", "tilted to the left"),
    "leaning right": ("leaning right", "tilted to the right"),
    "upside down": ("upside down", "turned over"),
    "left": ("on the left", "at the left side"),
    "centre": ("in the centre", "halfway across"),
    "right": ("on the right", "at the right side"),
    "top": ("at the top", "high up"),
    "middle": ("at mid height", "neither high nor low"),
    "bottom": ("at the bottom", "low down"),
}
