"""Questions about scenes with their true answers, for teaching and examining a multimodal LLM.

Everything a question says or asks is in the words of the grammar, and the answer follows from the layout alone. Draws
depend on split, seed and row only, in integers, so that the same questions are asked on every machine.

The object questions follow POPE (Li et al., EMNLP 2023, arXiv 2305.10355, section 5.1): for every kind that is in a
picture one question with the answer yes, and one with the answer no about a kind that is not in it, chosen in one of
three ways. POPE's adversarial ones are the objects that occur most often beside those in the picture; scenes are drawn
independently, so here they are the kinds of the same group, which the picture makes plausible in another way.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import NamedTuple

import numpy as np

from lib.data.errors import CompanionError
from lib.data.scenes.grammar import FACTORS, SILENT, VALUES, factors, phrase
from lib.data.scenes.layout import Layout, held_out
from lib.data.scenes.vocabulary import GROUP_OF, KIND_NAMES, KINDS, REALM_OF, SYNONYMS
from lib.data.scenes.world import SPLITS, VERSION, layout_of


class Question(NamedTuple):
    """family: what is asked for, see FAMILIES. prompt and answer: words of the grammar without punctuation."""

    family: str
    prompt: str
    answer: str


FAMILIES: tuple[str, ...] = ("describe", "list", "main", "object", "coloured object", "ground", "attribute")
"""The first three are answered in words, the others with yes or no."""

NEGATIVES: tuple[str, ...] = ("random", "frequent", "adversarial")
"""How the absent kinds of `object_questions` are chosen: any; the most frequent of the split; of the same group."""

_PART = 3  # after the layout, pixels and captions of world.py
_FREQUENT, _SAMPLE = 16, 500  # the 16 kinds that most of the first 500 scenes of a split show
_DESCRIBED = (0, 1, 2, 3, 4, 5, 6, 9, 10, 11)  # a second object is one of several; nothing shows which is meant
_ATTRIBUTES = (1, 2, 3, 4, 5, 6)
_THING = ("kind", "colour", "texture", "size", "turn", "across", "down")


class _Plain:
    """In place of a generator: the first word of every choice, and no shuffling."""

    def integers(self, _: int) -> int:
        return 0

    def permutation(self, n: int) -> np.ndarray:
        return np.arange(n)


def _phrase(**told: int) -> str:
    """The plainest caption that tells the given factors."""
    asserted = np.full(len(FACTORS), SILENT, dtype=np.int16)
    for name, value in told.items():
        asserted[FACTORS.index(name)] = value
    return phrase(asserted, _Plain())  # type: ignore[arg-type]


def describe(layout: Layout) -> Question:
    """A caption with every fact of the main object, the ground and the number of objects, in the plainest words."""
    told = {FACTORS[i]: int(value) for i, value in enumerate(factors(layout)) if i in _DESCRIBED}
    return Question("describe", "describe the picture", _phrase(**told))


def list_kinds(layout: Layout) -> Question:
    """The kinds of all objects, each once, in the order of the vocabulary."""
    names = [KIND_NAMES[kind] for kind in sorted({thing.kind for thing in layout.things})]
    return Question("list", "what is in the picture", " and ".join(names))


def name_main(layout: Layout) -> Question:
    """The kind of the largest object."""
    return Question("main", "name the main object", KIND_NAMES[layout.things[0].kind])


def random_of(split: str, seed: int, row: int) -> np.random.Generator:
    """The generator of the questions about one scene."""
    if split not in SPLITS:
        raise CompanionError(f"scenes have no split {split!r}; known: {', '.join(SPLITS)}")
    return np.random.default_rng([VERSION, SPLITS[split], seed, row, _PART])


def object_questions(split: str, seed: int, row: int, negatives: str) -> tuple[Question, ...]:
    """As many questions with yes as with no: whether each kind of the scene is there, and as many absent ones."""
    if negatives not in NEGATIVES:
        raise CompanionError(f"unknown negatives {negatives!r}; choose one of {', '.join(NEGATIVES)}")
    random, layout = random_of(split, seed, row), layout_of(split, seed, row)
    present = sorted({thing.kind for thing in layout.things})
    absent = [int(kind) for kind in random.permutation(len(KINDS)) if kind not in present]
    if negatives == "frequent":
        often = frequent_kinds(split, seed)
        absent.sort(key=lambda kind: kind not in often)
    if negatives == "adversarial":
        absent.sort(key=lambda kind: min(_distance(kind, other) for other in present))
    chosen = [(kind, "yes") for kind in present] + [(kind, "no") for kind in absent[: len(present)]]
    return tuple(Question("object", f"is there {_phrase(kind=kind)}", answer) for kind, answer in chosen)


@cache
def frequent_kinds(split: str, seed: int) -> frozenset[int]:
    """The sixteen kinds that the most scenes of a split show. Kinds are drawn evenly, so they lead by chance only."""
    counts = Counter(
        kind for row in range(_SAMPLE) for kind in sorted({t.kind for t in layout_of(split, seed, row).things})
    )
    return frozenset(sorted(counts, key=lambda kind: (-counts[kind], kind))[:_FREQUENT])


def _distance(kind: int, other: int) -> int:
    """0 within a group, 1 within a realm, else 2."""
    return int(GROUP_OF[kind] != GROUP_OF[other]) + int(REALM_OF[kind] != REALM_OF[other])


def yes_no_questions(layout: Layout, random: np.random.Generator) -> tuple[Question, ...]:
    """Eight questions, a yes and a no of each family; every other no is meant to be hard.

    Hard: a kind of the same group as one that is there, and a value that another object of the scene has. No question
    with the answer no tells a held-out combination of kind and colour: in training it would always be a no.
    """
    pairs = (_object_pair, _coloured_pair, _ground_pair, _attribute_pair)
    return tuple(question for pair in pairs for question in pair(layout, random))


def _pair(family: str, true: str, false: str) -> tuple[Question, Question]:
    return Question(family, true, "yes"), Question(family, false, "no")


def _one_of(values: list[int], random: np.random.Generator) -> int:
    return values[int(random.integers(len(values)))]


def _absent_kind(layout: Layout, near: int, random: np.random.Generator, colour: int | None = None) -> int:
    """A kind that is not in the scene: every other time of the group of the kind `near`, if one is left."""
    present = {thing.kind for thing in layout.things}
    absent = [k for k in range(len(KINDS)) if k not in present and (colour is None or not held_out(k, colour))]
    kin = [kind for kind in absent if GROUP_OF[kind] == GROUP_OF[near]]
    return _one_of(kin if kin and random.integers(2) else absent, random)


def _other_value(factor: int, avoid: set[int], elsewhere: set[int], random: np.random.Generator) -> int:
    """A value not to be avoided: every other time one that is true `elsewhere` in the scene, if there is one."""
    wrong = [value for value in range(len(VALUES[factor])) if value not in avoid]
    tempting = sorted(elsewhere - avoid)
    return _one_of(tempting if tempting and random.integers(2) else wrong, random)


def _not_false(layout: Layout, kind: int, factor: int) -> set[int]:
    """Values that a no must not name: true of some object of the kind, or its held-out colours."""
    true = {getattr(thing, _THING[factor]) for thing in layout.things if thing.kind == kind}
    return true | {c for c in range(len(VALUES[1])) if factor == 1 and held_out(kind, c)}


def _object_pair(layout: Layout, random: np.random.Generator) -> tuple[Question, Question]:
    kind = layout.things[int(random.integers(len(layout.things)))].kind
    absent = _absent_kind(layout, kind, random)
    return _pair("object", f"is there {_phrase(kind=kind)}", f"is there {_phrase(kind=absent)}")


def _coloured_pair(layout: Layout, random: np.random.Generator) -> tuple[Question, Question]:
    """The no has a wrong colour two times out of three, else a wrong kind."""
    thing = layout.things[int(random.integers(len(layout.things)))]
    kind, colour = thing.kind, thing.colour
    if random.integers(3):
        colour = _other_value(1, _not_false(layout, kind, 1), {other.colour for other in layout.things}, random)
    else:
        kind = _absent_kind(layout, kind, random, colour)
    true_phrase, false_phrase = _phrase(kind=thing.kind, colour=thing.colour), _phrase(kind=kind, colour=colour)
    return _pair("coloured object", f"is there {true_phrase}", f"is there {false_phrase}")


def _ground_pair(layout: Layout, random: np.random.Generator) -> tuple[Question, Question]:
    factor, value = ((9, layout.background), (10, layout.pattern))[int(random.integers(2))]
    wrong = _other_value(factor, {value}, set(), random)
    true, false = (f"is the background {_word(factor, code)}" for code in (value, wrong))
    return _pair("ground", true, false)


def _attribute_pair(layout: Layout, random: np.random.Generator) -> tuple[Question, Question]:
    """About an object whose kind is in the scene once (any if none is), by an attribute that shows and can be wrong."""
    kinds = Counter(thing.kind for thing in layout.things)
    things = [thing for thing in layout.things if kinds[thing.kind] == 1] or list(layout.things)
    thing = things[int(random.integers(len(things)))]
    avoid = {factor: _not_false(layout, thing.kind, factor) for factor in _ATTRIBUTES}
    turns = KINDS[thing.kind].turned
    factor = _one_of([f for f in _ATTRIBUTES if len(avoid[f]) < len(VALUES[f]) and (f != 4 or turns)], random)
    elsewhere = {getattr(t, _THING[factor]) for t in layout.things if factor != 4 or KINDS[t.kind].turned}
    values = (getattr(thing, _THING[factor]), _other_value(factor, avoid[factor], elsewhere, random))
    true, false = (f"is the {KIND_NAMES[thing.kind]} {_word(factor, value)}" for value in values)
    return _pair("attribute", true, false)


def _word(factor: int, value: int) -> str:
    name = VALUES[factor][value]
    return SYNONYMS.get(name, (name,))[0]


def read(text: str) -> list[tuple[int, int]]:
    """The facts that words name, in their order: (factor, value) codes, the longest match first, synonyms included.

    Every kind counts as factor 0 and every object's colour as factor 1, whichever object they are said of; words that
    name nothing are passed over.
    """
    words, said, at = text.split(), [], 0
    while at < len(words):
        for length in range(_LONGEST, 0, -1):
            fact = _FACTS.get(" ".join(words[at : at + length]))
            if fact is not None:
                said.append(fact)
                break
        at += length
    return said


def vocabulary() -> tuple[str, ...]:
    """Every word that questions, answers and captions can hold, sorted."""
    fixed = (
        "describe the picture what is in name main object there background and yes no a an of thing objects all "
        "with next to together on against"
    )
    return tuple(sorted({word for text in (fixed, *VALUES[11], *_FACTS) for word in text.split()}))


def _fact_table() -> dict[str, tuple[int, int]]:
    table = {name: (0, kind) for kind in range(len(KINDS)) for name in KINDS[kind].names}
    for factor in (1, 2, 3, 4, 5, 6, 9, 10):
        for value, name in enumerate(VALUES[factor]):
            table |= {words: (factor, value) for words in (*SYNONYMS.get(name, ()), _word(factor, value))}
    for value, count in enumerate(VALUES[11]):
        table |= {f"{count} {noun} in all": (11, value) for noun in ("object", "objects")}
    return table


_FACTS = _fact_table()
_LONGEST = max(len(words.split()) for words in _FACTS)
