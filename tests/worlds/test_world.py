"""Every world answers every question: with a value of the declared type, or with one line that skips the notebook.

The questions are the public members of `World` and `Session`, found by introspection, so that none can be forgotten.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from lib.base.errors import CompanionError, NotAvailable
from lib.data.atoms import Atoms
from lib.data.formats.audio import Sound
from lib.data.pairs import Pairs
from lib.data.scenes import SceneTruth, scenes
from lib.data.sets.label_vectors import Labels
from lib.data.sounds import SoundTruth
from lib.data.tally import Tally
from lib.encoders.llava import Llava
from lib.worlds.open_world import WORLDS, open_world
from lib.worlds.profiles import Profile, known_profiles, load_profile
from lib.worlds.session import Session, open_session
from lib.worlds.world import World
from tests.encoders.conftest import random_weights, save_model
from tests.report.examples import evidence
from tests.worlds.small_clip import small_clip

IMPORTED = (Atoms, Figure, Labels, Llava, Profile, SceneTruth, Sound, SoundTruth, Tally, World)
NAMES: dict[str, Any] = {"Image": Image, "pd": pd, **{one.__name__: one for one in IMPORTED}}
"""What `World` and `Session` import for annotations only."""

SIZES = ("splits.train=5", "splits.dev=4", "splits.test=4", "device=cpu")

ELSEWHERE = "elsewhere"
"""A split that no world has."""

ARGUMENTS: dict[str, tuple[object, ...]] = {
    "layer": (None, 0),
    "name": ("network", "nobody"),
    "read": (False, True),
    "told": ((1, 12), (3, 3)),
    "caption": (0, 1),
    "pairs": (scenes("test", 3),),
    "tower": ("image", "text"),
}
"""What parameters other than a split are asked with."""


# Worlds of a few rows, without any network


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A user's pictures and arrays, and two tiny models."""
    root, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    models = {name: save_model(root / name, random_weights(seed)) for seed, name in enumerate(("encoder", "judge"))}
    pictures, arrays = root / "pictures", root / "arrays"
    pictures.mkdir()
    arrays.mkdir()
    for i in range(13):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(pictures / f"{i:02d}.png")
    lines = "".join(f"{i:02d}.png,picture {i}\n" for i in range(13))
    (pictures / "captions.csv").write_text("image,caption\n" + lines)
    for part in ("image", "text", "judge"):
        np.save(arrays / f"{part}.npy", rng.standard_normal((13, 8)))
    return {**models, "pictures": pictures, "arrays": arrays}


@pytest.fixture
def profile_of(folders: dict[str, Path], cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Profile]:
    """The smallest profile of a world. Data sets that would be fetched are random; those of photographs are absent."""
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    rows = np.random.default_rng(0).standard_normal((2, 20, 8)).astype(np.float32)
    ids, names = np.arange(20).astype(str), ("cat", "dog")
    unit = rows[0] / np.linalg.norm(rows[0], axis=1, keepdims=True)
    monkeypatch.setattr("lib.worlds.clip_arrays.coco500", lambda: (ids, *rows, {"made": "for a test"}))
    monkeypatch.setattr("lib.worlds.clip_arrays.labels_b16", lambda: Labels(names, unit[:2]))
    small_clip(folders["arrays"].parent / "clip", monkeypatch)
    own = {
        "own-pictures": [f"folder={folders['pictures']}", f"encoder={folders['encoder']}", f"judge={folders['judge']}"],
        "own-arrays": [f"folder={folders['arrays']}"],
        "clip": [f"encoder={folders['encoder']}"],
    }

    def smallest(name: str) -> Profile:
        committed = next(one for one in map(load_profile, known_profiles()) if one.world == name)
        return load_profile(committed.name, [*SIZES, *own.get(name, [])])

    return smallest


def few_photographs(split: str) -> Pairs:
    """Stands for Flickr8k."""
    images = [Image.new("RGB", (40, 40), (40 * i, 0, 0)) for i in range(6)]
    captions = tuple(tuple(f"{i} of {place}" for place in range(5)) for i in range(6))
    return Pairs(np.array([f"{split}-{i}" for i in range(6)]), images, captions, {"few": split})


# Questions, and whether an answer keeps what was declared


def questions(cls: type) -> list[str]:
    """All public members of a class, and all public fields."""
    return sorted(name for name in {*dir(cls), *cls.__annotations__} if not name.startswith("_"))


def declared(cls: type, name: str) -> Any:
    """The type that a member is declared to give."""
    member = inspect.getattr_static(cls, name, None)
    function = member.fget if isinstance(member, property) else getattr(member, "func", member)
    if not inspect.isfunction(function):
        return get_type_hints(cls, localns=NAMES)[name]
    return get_type_hints(function, localns=NAMES)["return"]


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a declared type."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is NoneType or origin is None:
        return isinstance(value, hint)
    if origin is ClassVar:
        return fits(value, inner[0])
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin is dict:  # the first judge is the main one, so there must be one
        return isinstance(value, dict) and bool(value) and all(fits(one, inner[1]) for one in value.values())
    if origin is tuple and inner[-1] is not Ellipsis:
        return isinstance(value, tuple) and len(value) == len(inner) and all(map(fits, value, inner))
    return isinstance(value, origin) and all(fits(one, inner[0]) for one in value)


def asked(world: World, name: str) -> Iterator[tuple[str | None, Callable[[], object]]]:
    """Every way to ask for a member: the split that it is asked with, and the call."""
    if not inspect.isfunction(inspect.getattr_static(World, name, None)):
        yield None, lambda: getattr(world, name)
        return
    parameters = [one for one in inspect.signature(getattr(world, name)).parameters if one != "split"]
    for values in product(*(ARGUMENTS[one] for one in parameters)):
        call = partial(getattr(world, name), **dict(zip(parameters, values, strict=True)))
        if "split" not in inspect.signature(call).parameters:
            yield None, call
        else:
            yield from ((split, partial(call, split=split)) for split in (*world.splits, ELSEWHERE))


@pytest.mark.parametrize("case", [*WORLDS, "clip with photographs"])
def test_every_question_has_an_answer_of_its_type(
    case: str, profile_of: Callable[[str], Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _, photographs = case.partition(" ")
    if photographs:
        monkeypatch.setattr("lib.worlds.photos.flickr8k", few_photographs)
    world = open_world(profile_of(name))
    for member in questions(World):
        hint = declared(World, member)
        for split, ask in asked(world, member):
            try:
                answer = ask()
            except CompanionError as error:
                assert isinstance(error, NotAvailable) or split == ELSEWHERE, f"{member} of {split}: {error}"
                continue
            assert split != ELSEWHERE, f"{member} answers for a split that there is not"
            assert fits(answer, hint), f"{member} of {split} is a {type(answer).__name__}, not {hint}"


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_offers_nothing_that_others_do_not_decline(name: str, profile_of: Callable[[str], Profile]) -> None:
    world = open_world(profile_of(name))
    assert {one for one in {*dir(world), *vars(world)} if not one.startswith("_")} == set(questions(World))


def test_a_wrong_answer_is_noticed(profile_of: Callable[[str], Profile]) -> None:
    world = open_world(profile_of("own-arrays"))
    judges, judge = world.judges("test"), world.judge("test", "network")
    assert fits(judges, declared(World, "judges")) and fits(judge, declared(World, "judge"))
    for member, wrong in [
        ("judge", judges),
        ("judges", {}),
        ("judges", {"network": judge.image}),
        ("embeddings", None),
        ("captions", (("a cat",), "a dog")),
        ("classes", (judge, judge)),
        ("taxa", (1, 2)),
        ("encoder", object()),
        ("pictures", [judge.image]),
        ("keeps_pictures", None),
    ]:
        assert not fits(wrong, declared(World, member)), member


@pytest.mark.parametrize("name", WORLDS)
def test_a_session_answers_in_every_world(name: str, profile_of: Callable[[str], Profile], results: Path) -> None:
    session = open_session("10_monosemanticity", profile_of(name))
    calls = {
        "table": ("numbers", pd.DataFrame({"x": [1]}), 2),
        "guess": ("p1.C1", ""),
        "claim": (evidence(),),
        "page": ("shown", {"x": 1}),
        "figure": (Figure(), "figure", "numbers"),
        "pictures": (Figure(), "pictures", "numbers"),
    }
    methods = {member for member in questions(Session) if inspect.ismethod(getattr(session, member, None))}
    assert methods == set(calls)
    for member, arguments in calls.items():
        assert fits(getattr(session, member)(*arguments), declared(Session, member)), member
    for member in set(questions(Session)) - methods:
        assert fits(getattr(session, member), declared(Session, member)), member
    drawn = {path.stem for path in session.results.glob("*.png")}
    assert drawn == ({"figure", "pictures"} if session.world.keeps_pictures else {"figure"})
    assert (session.results / "shown.json").is_file() == session.world.keeps_pictures


def test_a_session_of_a_world_that_cannot_be_opened_is_one_line(results: Path) -> None:
    session = open_session("10_x", load_profile("own-pictures"))
    for asked in (lambda: session.world, lambda: session.pictures(Figure(), "drawn")):
        with pytest.raises(NotAvailable, match="profile own-pictures names no folder; --set folder=/path/to/yours"):
            asked()
