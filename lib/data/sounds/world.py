"""The sounds data set: sounds, captions and the whole truth, made from a seed wherever it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lib.data.audio import Sound
from lib.data.errors import CompanionError
from lib.data.pairs import Facts, Pairs
from lib.data.sounds.grammar import FACTORS, SILENT, VALUES, choose, factors, phrase
from lib.data.sounds.score import RATE, Score, draw_score
from lib.data.sounds.synthesis import play
from lib.data.sounds.vocabulary import FAMILIES, FAMILY_OF, KIND_NAMES

VERSION = 1
"""Part of every identity: raise it whenever a change moves a byte of a sound or a caption."""

SPLITS: dict[str, int] = {"train": 0, "dev": 1, "test": 2, "novel": 3}
"""`novel`: like test, but every main instrument has an envelope that training never gives it."""

SHORT, LONG = (2, 4), (6, 10)
"""How many facts the two captions of a pair tell, from and to."""

_PARTS = {"score": 0, "samples": 1, "captions": 2}


def _random(split: str, seed: int, index: int, part: str) -> np.random.Generator:
    return np.random.default_rng([VERSION, SPLITS[split], seed, index, _PARTS[part]])


def score_of(split: str, seed: int, index: int) -> Score:
    """The content of sound `index` of a split."""
    novel = {"train": False, "dev": False, "test": None, "novel": True}[split]
    return draw_score(_random(split, seed, index, "score"), novel=novel)


def sound_of(split: str, seed: int, index: int) -> Sound:
    """Sound `index`: two seconds at 16 kHz."""
    return Sound(play(score_of(split, seed, index), _random(split, seed, index, "samples")), RATE)


@dataclass(frozen=True)
class SynthesisedSounds(Sequence[Sound]):
    """The sounds start..stop of a split, synthesised when asked for."""

    split: str
    seed: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, item):
        if isinstance(item, slice):
            start, stop, step = item.indices(len(self))
            if step != 1:
                raise CompanionError("sounds are taken by ranges without a step")
            return SynthesisedSounds(self.split, self.seed, self.start + start, self.start + max(start, stop))
        return sound_of(self.split, self.seed, range(self.start, self.stop)[item])


@dataclass(frozen=True)
class SoundTruth:
    """What is in n sounds, as codes.

    sounds: int16 (n, 10) factors, see `grammar.FACTORS`. asserted: int16 (n, 2, 10): what the short and the long
    caption say. With `grammar.true_of` it tells of any caption whether it is true of any sound.
    """

    sounds: np.ndarray
    asserted: np.ndarray


def sounds(split: str, n: int, seed: int = 0) -> Pairs:
    """n pairs of a split, each with a short and a long caption and its facts.

    The same split, n and seed give the same bytes on any machine, and the first m of n are the m of a smaller call.
    """
    if split not in SPLITS:
        raise CompanionError(f"sounds have no split {split!r}; known: {', '.join(SPLITS)}")
    if n < 1:
        raise CompanionError(f"sounds: {n} pairs asked for; ask for at least one")
    truth, captions = _truth_and_captions(split, n, seed)
    return Pairs(
        ids=np.array([f"{split}-{seed}-{i:06d}" for i in range(n)]),
        images=None,
        captions=captions,
        identity={"world": "sounds", "version": VERSION, "split": split, "n": n, "seed": seed},
        facts=_facts(truth),
        sounds=SynthesisedSounds(split, seed, 0, n),
    )


def truth_of(split: str, n: int, seed: int = 0) -> SoundTruth:
    """The codes behind `sounds(split, n, seed)`."""
    return _truth_and_captions(split, n, seed)[0]


def _truth_and_captions(split: str, n: int, seed: int) -> tuple[SoundTruth, tuple[tuple[str, ...], ...]]:
    truth = SoundTruth(np.empty((n, len(FACTORS)), np.int16), np.empty((n, 2, len(FACTORS)), np.int16))
    captions = []
    for i in range(n):
        truth.sounds[i] = factors(score_of(split, seed, i))
        random = _random(split, seed, i, "captions")
        texts = []
        for which, (fewest, most) in enumerate((SHORT, LONG)):
            told = int(random.integers(fewest, most + 1))
            truth.asserted[i, which] = choose(truth.sounds[i], told, random)
            texts.append(phrase(truth.asserted[i, which], random))
        captions.append(tuple(texts))
    return truth, tuple(captions)


_GROUPS: dict[str, tuple[str, ...]] = {
    "kind": KIND_NAMES,
    "family": FAMILIES,
    **{name: VALUES[FACTORS.index(name)] for name in FACTORS if name not in ("kind", "other kind")},
}


def _facts(truth: SoundTruth) -> Facts:
    """Truth and mention of every fact; an instrument is heard whether it plays the notes or the drone."""
    true, said, names = [], [], []
    for group, values in _GROUPS.items():
        names += [f"{group}:{value}" for value in values]
        both = ("kind", "other kind")
        columns = [FACTORS.index(name) for name in (both if group in ("kind", "family") else (group,))]
        held, told = truth.sounds[:, columns], truth.asserted[:, :, columns]
        if group == "family":  # an instrument tells its family as well
            lift = np.array([*FAMILY_OF, SILENT], dtype=np.int16)
            held, told = lift[held], lift[told]
        codes = np.arange(len(values))
        true.append((held[:, :, None] == codes).any(axis=1))
        said.append((told[:, :, :, None] == codes).any(axis=2))
    return Facts(tuple(names), np.concatenate(true, axis=1), np.concatenate(said, axis=2))
