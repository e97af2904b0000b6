"""Scenes and sounds are byte for byte what they were before they shared their code, and draw as their rules say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data import scenes, sounds
from lib.data.pairs import Pairs
from lib.data.procedural import SILENT, SPLITS, choose, fact_table, lifted, with_article, write_captions
from lib.data.scenes.dial import contradict, dial
from lib.data.scenes.swap import swaps


def plain(value: Any) -> Any:
    """A value as JSON; arrays as shape, type and bytes."""
    if isinstance(value, np.ndarray):
        return [value.dtype.kind, list(value.shape), value.tolist()]
    if isinstance(value, Pairs):
        return [plain(value.ids), value.captions, value.identity, value.facts and plain(value.facts)]
    return (
        [plain(getattr(value, one.name)) for one in fields(value)] if hasattr(value, "__dataclass_fields__") else value
    )


def sha256(*values: Any) -> str:
    return hashlib.sha256(json.dumps([plain(value) for value in values]).encode()).hexdigest()


def made(world: str) -> Iterator[Any]:
    rows = [(split, seed) for split in SPLITS for seed in (0, 3)]
    if world == "scenes":
        yield from (
            part for split, seed in rows for part in (scenes.scenes(split, 20, seed), scenes.truth_of(split, 20, seed))
        )
    elif world == "sounds":
        yield from (
            part for split, seed in rows for part in (sounds.sounds(split, 20, seed), sounds.truth_of(split, 20, seed))
        )
    elif world == "dial":
        for told in (0, 1, 6):
            dialled = dial("test", 20, told, 1)
            yield from (dialled.pairs, dialled.asserted, dialled.truth)
        yield contradict(dialled, 9, 2)[0].pairs
    else:
        found = swaps("test", 20, 6, 1)
        yield from (found.own, found.altered, found.rephrased, found.pictures, found.scenes, found.factor, found.wrong)


@pytest.mark.parametrize(
    ("world", "digest"),
    [
        ("scenes", "34e24611fb6fff780d78f68234b6c43ba93ef4c8d592e96066ca12f0b59e152c"),
        ("sounds", "40e2a5f6f1a5624c2e6bb81b5f5ea97c7242bb74dae784bc7d0c183cf480e188"),
        ("dial", "0751ed5f0c2c0777cff584787c656dc4e7a092d81cb169c80a1fc5982254ad3b"),
        ("swaps", "729aa4bcf3a526e0b1d41a1cfc1d59ff6cb5acae08106007ea7af119b558867e"),
    ],
)
def test_the_same_pairs_as_ever(world: str, digest: str) -> None:
    assert sha256(*made(world)) == digest


def test_a_caption_tells_as_many_facts_as_asked() -> None:
    random, values = np.random.default_rng(0), np.array([4, SILENT, 2, 0, SILENT], np.int16)
    told = [choose(values, n, random) for n in (0, 1, 2, 3, 9) for _ in range(400)]
    assert [int((codes != SILENT).sum()) for codes in told[::400]] == [0, 1, 2, 3, 3]
    assert all((codes == values)[codes != SILENT].all() for codes in told)
    first = np.mean([codes[0] != SILENT for codes in told[400:800]])
    assert 0.82 < first < 0.92  # one in three by chance, and four in five of the rest


def test_captions_of_chosen_lengths() -> None:
    values, random = np.arange(6, dtype=np.int16), np.random.default_rng(0)
    asserted, texts = write_captions(values, ((1, 2), (5, 6)), lambda codes, _: str((codes != SILENT).sum()), random)
    assert asserted.shape == (2, 6) and int(texts[0]) in (1, 2) and int(texts[1]) in (5, 6)


def test_a_table_of_facts_by_the_obvious_loop() -> None:
    random, groups = np.random.default_rng(0), {"a": ("x", "y", "z"), "b": ("u", "v")}
    codes = {group: (random.integers(-1, 3, (7, 2)), random.integers(-1, 3, (7, 4, 2))) for group in groups}
    found = fact_table(groups, lambda group: codes[group])
    assert found.names == ("a:x", "a:y", "a:z", "b:u", "b:v")
    for column, name in enumerate(found.names):
        group, value = name.split(":")
        held, told = codes[group]
        number = groups[group].index(value)
        for row in range(7):
            assert found.truth[row, column] == (number in held[row].tolist())
            assert found.mentioned[row, :, column].tolist() == [number in texts.tolist() for texts in told[row]]


def test_kinds_become_their_families() -> None:
    assert lifted(np.array([[0, 2], [SILENT, 1]]), (5, 5, 7)).tolist() == [[5, 7], [SILENT, 5]]


def test_articles() -> None:
    assert [with_article(words, ("scissors",)) for words in ("red cat", "old cat", "red scissors")] == [
        "a red cat",
        "an old cat",
        "red scissors",
    ]


@pytest.mark.parametrize("world", [scenes.scenes, sounds.sounds])
def test_no_such_split_and_no_rows(world: Callable[..., Pairs]) -> None:
    with pytest.raises(CompanionError, match="have no split 'val'; known: train, dev, test, novel"):
        world("val", 3)
    with pytest.raises(CompanionError, match="0 pairs requested; ask for at least one"):
        world("test", 0)
