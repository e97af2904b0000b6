"""Questions about scenes with their true answers, for teaching and examining a multimodal LLM.

Questions use the words of the grammar only, and their answers follow from the layout alone. Draws depend on split, seed
and row only, in integers, so that every machine asks the same questions.

The object questions follow POPE (Li et al., EMNLP 2023, arXiv 2305.10355, section 5.1): for every kind that is in a
picture there is one question with the answer yes, and one with the answer no about a kind that is not in it, chosen in
one of three ways. POPE's adversarial kinds are those that most often occur together with the kinds in the picture. Here
objects are drawn independently, so the adversarial kinds are those of the same group, which are plausible in another
way.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import NamedTuple

import numpy as np

from lib.base.errors import CompanionError
from lib.data.procedural import SILENT, SPLITS, row_random
from lib.data.scenes.layout import Layout, held_out
from lib.data.scenes.scene_grammar import FACTORS, VALUES, factors, phrase
from lib.data.scenes.scene_pairs import VERSION, layout_of
from lib.data.scenes.scene_words import GROUP_OF, KIND_NAMES, KINDS, REALM_OF, SYNONYMS


class Question(NamedTuple):
    """A question about a scene and its true answer, in words of the grammar without punctuation."""

    family: str
    """The kind of question, one of QUESTION_FAMILIES."""
    prompt: str
    """The question."""
    answer: str
    """The answer."""


QUESTION_FAMILIES: tuple[str, ...] = ("describe", "list", "main", "object", "coloured object", "ground", "attribute")
"""The kinds of questions. The first three are answered in words, the others with yes or no."""

NEGATIVES: tuple[str, ...] = ("random", "frequent", "adversarial")
"""The ways to choose the absent kinds of `object_questions`: any, the most frequent of the split, or the same group."""

_PART = 3  # parts 0 to 2 of a scene's random numbers are used by `scene_pairs`
_FREQUENT, _SAMPLE = 16, 500  # the 16 kinds that most of the first 500 scenes of a split show
_DESCRIBED = (0, 1, 2, 3, 4, 5, 6, 9, 10, 11)  # without the second object, since nothing shows which one is meant
_ATTRIBUTES = (1, 2, 3, 4, 5, 6)
_THING = ("kind", "colour", "texture", "size", "turn", "across", "down")


class _Plain:
    """A stand-in for a random generator that takes the first word of every choice and does not shuffle."""

    def integers(self, _: int) -> int:
        return 0

    def permutation(self, n: int) -> np.ndarray:
        return np.arange(n)


def _phrase(**told: int) -> str:
    """Write the plainest caption that mentions the given factors."""
    asserted = np.full(len(FACTORS), SILENT, dtype=np.int16)
    for name, value in told.items():
        asserted[FACTORS.index(name)] = value
    return phrase(asserted, _Plain())  # type: ignore[arg-type]


def describe(layout: Layout) -> Question:
    """Ask for a description: every fact of the main object, the background and the number, in the plainest words."""
    told = {FACTORS[i]: int(value) for i, value in enumerate(factors(layout)) if i in _DESCRIBED}
    return Question("describe", "describe the picture", _phrase(**told))


def list_kinds(layout: Layout) -> Question:
    """Ask for the kinds of all objects; the answer names each once, in the order of the vocabulary."""
    names = [KIND_NAMES[kind] for kind in sorted({thing.kind for thing in layout.things})]
    return Question("list", "what is in the picture", " and ".join(names))


def name_main(layout: Layout) -> Question:
    """Ask for the kind of the largest object."""
    return Question("main", "name the main object", KIND_NAMES[layout.things[0].kind])


def random_of(split: str, seed: int, row: int) -> np.random.Generator:
    """Make the random generator of the questions about a scene."""
    if split not in SPLITS:
        raise CompanionError(f"scenes have no split {split!r}; known: {', '.join(SPLITS)}")
    return row_random(VERSION, split, seed, row, _PART)


def object_questions(split: str, seed: int, row: int, negatives: str) -> tuple[Question, ...]:
    """Ask whether each kind in the scene is there, and as many absent kinds, chosen as `negatives` says."""
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
    chosen = [(kind, True) for kind in present] + [(kind, False) for kind in absent[: len(present)]]
    return tuple(ask_kind(kind, there) for kind, there in chosen)


def ask_kind(kind: int, there: bool) -> Question:
    """Ask whether a kind is in a scene; there: whether it is."""
    return Question("object", f"is there {_phrase(kind=kind)}", "yes" if there else "no")


@cache
def frequent_kinds(split: str, seed: int) -> frozenset[int]:
    """Find the sixteen kinds that most scenes of a split show; kinds are drawn evenly, so they lead by chance only."""
    counts = Counter(
        kind for row in range(_SAMPLE) for kind in sorted({t.kind for t in layout_of(split, seed, row).things})
    )
    return frozenset(sorted(counts, key=lambda kind: (-counts[kind], kind))[:_FREQUENT])


def _distance(kind: int, other: int) -> int:
    """Return the distance of two kinds in the taxonomy: 0 within a group, 1 within a realm, else 2."""
    return int(GROUP_OF[kind] != GROUP_OF[other]) + int(REALM_OF[kind] != REALM_OF[other])


def yes_no_questions(layout: Layout, random: np.random.Generator) -> tuple[Question, ...]:
    """Ask eight questions, two of each family with the answers yes and no; every other no is meant to be hard.

    A hard no is about a kind of the same group as one in the scene, or a value that another object of the scene has. A
    question with the answer no never mentions a held-out combination of kind and colour, since in training the answer
    to it would always be no.
    """
    pairs = (_object_pair, _coloured_pair, _ground_pair, _attribute_pair)
    return tuple(question for pair in pairs for question in pair(layout, random))


def _pair(family: str, true: str, false: str) -> tuple[Question, Question]:
    return Question(family, true, "yes"), Question(family, false, "no")


def _one_of(values: list[int], random: np.random.Generator) -> int:
    return values[int(random.integers(len(values)))]


def _absent_kind(layout: Layout, near: int, random: np.random.Generator, colour: int | None = None) -> int:
    """Draw a kind that is not in the scene: every other time from the group of the kind `near`, if one is left."""
    present = {thing.kind for thing in layout.things}
    absent = [k for k in range(len(KINDS)) if k not in present and (colour is None or not held_out(k, colour))]
    kin = [kind for kind in absent if GROUP_OF[kind] == GROUP_OF[near]]
    return _one_of(kin if kin and random.integers(2) else absent, random)


def _other_value(factor: int, avoid: set[int], elsewhere: set[int], random: np.random.Generator) -> int:
    """Draw a value that need not be avoided: every other time one that is true `elsewhere`, if there is one."""
    wrong = [value for value in range(len(VALUES[factor])) if value not in avoid]
    tempting = sorted(elsewhere - avoid)
    return _one_of(tempting if tempting and random.integers(2) else wrong, random)


def _not_false(layout: Layout, kind: int, factor: int) -> set[int]:
    """Return the values that a no must not name: those of any object of the kind, and its held-out colours."""
    true = {getattr(thing, _THING[factor]) for thing in layout.things if thing.kind == kind}
    return true | {c for c in range(len(VALUES[1])) if factor == 1 and held_out(kind, c)}


def _object_pair(layout: Layout, random: np.random.Generator) -> tuple[Question, Question]:
    kind = layout.things[int(random.integers(len(layout.things)))].kind
    absent = _absent_kind(layout, kind, random)
    return _pair("object", f"is there {_phrase(kind=kind)}", f"is there {_phrase(kind=absent)}")


def _coloured_pair(layout: Layout, random: np.random.Generator) -> tuple[Question, Question]:
    """Ask about a kind with a colour; the no has a wrong colour two times out of three, else a wrong kind."""
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
    """Ask about an attribute that shows and can be wrong, of an object whose kind occurs once, if there is one."""
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
    """Read the facts that words name, in their order, as codes (factor, value); synonyms count, the longest match wins.

    Every kind counts as factor 0 and every colour of an object as factor 1, whichever object they describe. Words that
    name nothing are skipped.
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


def is_description(text: str) -> bool:
    """Whether a text is a description as the model learnt to give it: the plainest words for the facts that it names.

    Each factor is named once, in the order of the grammar; a repeated or a stray word makes it something else.

    Examples
    --------
    >>> is_description("a red cat on the left"), is_description("a red red cat on the left")
    (True, False)
    """
    facts = read(text)
    told = {FACTORS[factor]: value for factor, value in facts}
    return len(told) == len(facts) > 0 and _phrase(**told) == text


def vocabulary() -> tuple[str, ...]:
    """List every word that questions, answers and captions may have, sorted."""
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
