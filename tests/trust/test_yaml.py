"""Manifests, profiles and grids, mutated: each loads or is refused in one line, quickly, and opens no other file."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lib.base import yaml as strict
from lib.base.errors import LONGEST, CompanionError
from lib.base.files import ROOT
from lib.base.places import PROFILES
from lib.data.formats.manifest import load_manifest
from lib.run.grid import load_grid
from lib.worlds.profiles import load_profile
from tests.trust.common import Tried

FEW, MANY = 1_000, 10_000

HEAD, SCENES, *ENTRIES = re.split(r"(?m)^(?=  [a-z0-9-]+:$)", (ROOT / "data_manifest.yaml").read_text())
ENTRIES = sorted((one for one in ENTRIES if "tiny: scenes" in one), key=len)[:2]
"""The shorter entries of the manifest: a mutant has the scenes' and one of them, so that thousands take seconds."""

PROFILE_TEXTS = [path.read_text() for path in sorted(PROFILES.glob("*.yaml"))]
GRID = (ROOT / "docs" / "sparsity.yaml").read_text()

VALUES = [
    *("null", "~", "true", "False", "0", "-1", "00", "0x", "0b_", "0o9", "1_0", "9" * 22, "1e400", "-.inf", ".nan"),
    *("1:60", "12:30:45", "2026-13-45", "2026-01-02", "2026-01-02T03:04:05+99:00", "''", '""', "'..'", "'"),
    *('"../../etc/passwd"', "/etc/passwd", "C:\\x", "https://", "http://x", "hf://a/b", "file:///etc/passwd"),
    *("[]", "{}", "[[]]", "{a: {}}", "[1,[2,[3]]]", "-", "?", ":", "|", ">", "&", "*", "!", "%", "@", "`", "#"),
    *("<<: 1", "&a", "*a", "!!python/object/apply:os.system", "!!binary", "!!set", "=", "}", "---", "...", "\t"),
    *("\x00", "\x07", "\ufeff", "\u2028", "\ud7ff", "é", "犬", '"\\u0000"', '"\\ud800"', "!!int ''"),
]
LONG = ["[" * 400, "{a: " * 400, "- " * 500, "a" * 5000, "9" * 5000, "? " * 300]


def mutate(text: str, rng: random.Random) -> bytes:
    """One to three changes: bytes, characters, values, lines and indents lost, doubled, swapped or made up."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        lines = text.split("\n")
        at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        value = rng.choice(LONG) if rng.random() < 0.02 else rng.choice(VALUES)
        match rng.randrange(9):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[other])
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                lines[at] = " " * rng.randint(0, 4) + lines[at].lstrip()
            case 4:
                lines[at] = re.sub(r":.*", lambda _, value=value: f": {value}", lines[at])
            case 5:
                lines[at] = re.sub(r"\w+", value.replace("\\", ""), lines[at], count=1)
            case 6:
                place = rng.randint(0, len(lines[at]))
                lines[at] = lines[at][:place] + value + lines[at][place:]
            case 7:
                lines = lines[: max(1, at)]
            case _:
                lines[at] = "".join(rng.sample(lines[at], len(lines[at])))
        text = "\n".join(lines)
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    if rng.random() < 0.1 and data:
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def a_manifest(rng: random.Random, folder: Path) -> Callable[[], object]:
    (folder / "m.yaml").write_bytes(mutate(HEAD + SCENES + rng.choice(ENTRIES), rng))
    return lambda: load_manifest(folder / "m.yaml")


def a_profile(rng: random.Random, folder: Path) -> Callable[[], object]:
    text = re.sub(r"(?m)^name: .*", "name: mine", rng.choice(PROFILE_TEXTS))
    (folder / "mine.yaml").write_bytes(mutate(text, rng))
    return lambda: load_profile("mine", folder=folder)


def a_grid(rng: random.Random, folder: Path) -> Callable[[], object]:
    (folder / "g.yaml").write_bytes(mutate(GRID, rng))
    return lambda: load_grid(folder / "g.yaml")


KINDS = [a_manifest, a_profile, a_grid]

TRIED = [
    Tried("mutated manifests, profiles and grids", FEW, "loads, or one line with the file; no other file is opened"),
    Tried("the same, more of them (marked slow)", MANY, "the same"),
    Tried("grids of more combinations than memory holds", 1, "one line with their number"),
]

opened: list[str] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if opened is not None and event == "open" and isinstance(arguments[0], str):
        opened.append(arguments[0])


sys.addaudithook(_note)  # for the rest of the process; it notes only inside `noted`


@contextmanager
def noted() -> Iterator[list[str]]:
    """The names of the files that are opened meanwhile."""
    global opened
    opened = []
    try:
        yield opened
    finally:
        opened = None


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_mutants_load_or_are_told(tmp_path: Path, count: int) -> None:
    rng, loaded, told = random.Random(count), 0, 0
    for number in range(count):
        load = KINDS[number % len(KINDS)](rng, tmp_path)
        with noted() as names:
            try:
                load()
            except CompanionError as error:
                told += 1
                line = str(error)
                assert "\n" not in line and len(line) <= LONGEST
                assert any(word in line for word in ("m.yaml", "profile mine", "mine.yaml", "g.yaml")), line
            else:
                loaded += 1
        assert {Path(name).parent for name in names} <= {tmp_path}, names
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.yaml", "m.yaml", "mine.yaml"]
    assert min(loaded, told) > count / 20  # the mutations are neither harmless nor all alike


def test_a_grid_of_too_many_combinations_is_counted_not_made(tmp_path: Path) -> None:
    settings = "".join(f"  sae.k{i}: {list(range(10))}\n" for i in range(30))
    (tmp_path / "g.yaml").write_text(f'notebooks: ["10"]\nset:\n{settings}')
    with pytest.raises(CompanionError, match=f"g.yaml: {10**30} combinations; give at most 500"):
        load_grid(tmp_path / "g.yaml")


def test_the_parser_is_the_strict_one() -> None:
    """Every file above goes through the one loader that refuses anchors, tags and repeated keys."""
    assert {load.__globals__["load_yaml"] for load in (load_manifest, load_profile, load_grid)} == {strict.load_yaml}
