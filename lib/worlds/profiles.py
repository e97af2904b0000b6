"""Profiles: each is one YAML file that names a world and every setting that an experiment on it needs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import digest
from lib.base.names import nearest
from lib.base.places import MODELS, PROFILES, data_root
from lib.base.validation import first_problem
from lib.base.yaml import load_yaml
from lib.data.tally import OnBad

Count = Annotated[int, Field(ge=1)]


def _two_digits(number: Any) -> Any:
    """Write a number with two digits, since YAML reads 10, and in some versions 08, as a number."""
    return f"{number:02d}" if type(number) is int else number


Number = Annotated[str, BeforeValidator(_two_digits), Field(pattern="^[0-9]{2}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Splits(_Strict):
    """The number of pairs in each split."""

    train: Count
    """Pairs that dictionaries and maskers train on."""
    dev: Count
    """Pairs on which settings are chosen."""
    test: Count
    """Pairs on which results are measured."""


class SaeSettings(_Strict):
    """Settings of dictionaries of images."""

    k: Count
    """Active latents per row."""
    expansions: Annotated[list[Count], Field(min_length=1)]
    """Widths, as multiples of the embedding's."""
    steps: Count
    """Optimiser steps."""
    batch: Count
    """Rows per step."""
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Learning rate, as a multiple of `lib.sae.training.train.learning_rate`, which is meant for long trainings."""
    longer: bool = False
    """Whether paper 1's wide dictionaries train longer, at a higher rate; short trainings need it (`wide_recipe`)."""


class PairSettings(_Strict):
    """Settings of dictionaries of pairs (papers 2 and 3)."""

    width: Count
    """Number of latents."""
    steps: Count
    """Optimiser steps."""
    batch: Count = 128
    """Pairs per step."""


class Profile(_Strict):
    """A world and all settings that notebooks need to run on it."""

    name: str
    """The name of its file, and of its folder under results/; a profile with changed settings is called NAME~HASH."""
    world: Literal[
        "scenes",
        "sounds",
        "clip-arrays",
        "photos",
        "photos-gap",
        "photos-halves",
        "tiny-imagenet",
        "atoms",
        "scenes-details",
        "caltech-b32",
        "labels-b32",
        "imagenet-b32",
        "flickr-b32",
        "unsplash-b16",
        "products-fashionclip",
        "own-pictures",
        "own-arrays",
        "clip",
    ]
    """The world, a name in `lib.worlds.open_world.WORLDS`."""
    device: Literal["auto", "cpu", "cuda"]
    """The device on which dictionaries train; "auto" takes CUDA if there is any."""
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(min_length=1)]
    """Seeds of everything that is trained; every result has a value for each."""
    splits: Splits
    """Number of pairs in each split of the world."""
    scored: Count | None = None
    """Number of unseen pictures for Monosemanticity Scores; None takes those of the test split."""
    sae: SaeSettings
    """Settings of dictionaries of images."""
    notebooks: list[Number]
    """Numbers of the notebooks that run in this profile."""
    own_profile: dict[Number, str]
    """Notebooks of this profile that show another world, with the profile in which they run."""
    needs: list[str]
    """Entries of data_manifest.yaml without which nothing of the profile runs."""
    folder: str | None = None
    """The folder of a user's own data: an absolute path, or one under COMPANION_DATA."""
    encoder: str | None = None
    """The open_clip model that embeds, "NAME" or "ARCHITECTURE TAG", in the worlds that have no encoder."""
    judge: str | None = None
    """The open_clip model that judges those embeddings, named in the same way; it must be another one."""
    on_bad: OnBad = "refuse"
    """What to do about a user's own pictures that cannot be read, or lack a caption where others have one: refuse them,
    or skip them and say so."""
    pairs: PairSettings | None = None
    """Settings of dictionaries of pairs; None: the sizes for small worlds in `pair_dictionaries` and
    `two_tower_dictionaries`.
    """
    pair_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-3
    """Peak learning rate of paper 3's dictionaries of pairs; `lib.papers.p3.pair_rates` measures rates on dev pairs."""

    @field_validator("seeds", "notebooks")
    @classmethod
    def _no_repeats(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise ValueError("an entry appears twice; keep one")
        return values


_TEXTS = ("folder", "encoder", "judge")
"""Keys whose values are texts, whatever they look like."""


def load_profile(
    name: str, overrides: Sequence[str] = (), *, seeds: int | None = None, folder: Path = PROFILES
) -> Profile:
    """Read `folder/NAME.yaml` and apply `overrides` such as "sae.steps=100"; `seeds` keeps the first n seeds.

    Overrides may also follow the name after blanks ("scenes sae.steps=100"): in this form a changed profile passes
    through a notebook's `profile` parameter. A profile whose settings were changed is called NAME~HASH, so that its
    results never mix with those of the profile as committed.

    Examples
    --------
    >>> load_profile("scenes").splits.test
    2000
    >>> load_profile("scenes sae.k=4").sae.k
    4
    """
    name, *inline = name.split() or [""]
    values = _read(name, folder)
    base = _validated(values, name)
    for override in [*inline, *overrides]:
        _apply(values, override, name)
    if seeds is not None:
        values["seeds"] = _first_seeds(values["seeds"], seeds, name)
    profile = _validated(values, name)
    if profile == base:
        return base
    return profile.model_copy(update={"name": f"{name}~{digest(profile.model_dump())[:8]}"})


def profile_text(name: str, overrides: Sequence[str]) -> str:
    """Write a profile and its overrides as one text that `load_profile` reads: "scenes sae.steps=100 seeds=[0,1]".

    Spaces in values, such as those in names of folders, are escaped, because spaces separate the overrides.
    """
    pairs = [_setting(override) for override in overrides]
    values = [(key, json.dumps(value, separators=(",", ":")).replace(" ", "\\u0020")) for key, value in pairs]
    return " ".join([name, *(f"{key}={value}" for key, value in values)])


def own_folder(profile: Profile) -> Path:
    """Find the folder of the user's data that a profile names: absolute, or under COMPANION_DATA.

    A folder that a user names (`load_profile` makes it absolute) must be there; one that a profile of the repository
    names is not on every machine.
    """
    if not profile.folder:
        raise NotAvailable(f"profile {profile.name} names no folder; --set folder=/path/to/yours gives one")
    folder = (data_root() or Path.cwd()) / profile.folder
    if not folder.is_dir():
        error = CompanionError if Path(profile.folder).is_absolute() else NotAvailable
        what = "a file, not a folder" if folder.is_file() else "no such folder"
        raise error(f"{folder}: {what}; --set folder=/path/to/yours names another")
    return folder


def check_folder(profile: Profile) -> None:
    """Raise an error if the user named a folder that is not there."""
    if profile.folder and Path(profile.folder).is_absolute():
        own_folder(profile)


def known_profiles(folder: Path = PROFILES) -> list[str]:
    """List the names of the profiles in a folder."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def plain_value(text: str) -> Any:
    """Read the value in `key=value` on a command line: as JSON if it is JSON (3, 1e-3, true, [0,1]), else as text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def split_assignment(text: str) -> tuple[str, Any]:
    """Split `key=value` into the key and the plain value."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise CompanionError(f"{text!r} is not key=value")
    return key, plain_value(value)


def _read(name: str, folder: Path) -> dict[str, Any]:
    known = known_profiles(folder)
    if name not in known:
        raise CompanionError(f"there is no profile {name!r}; known: {', '.join(known) or 'none'}")
    values = load_yaml(folder / f"{name}.yaml")
    if not isinstance(values, dict):
        raise CompanionError(f"profile {name} holds no keys and values; compare profiles/scenes.yaml")
    if values.get("name") != name:
        raise CompanionError(f"profile {name} calls itself {values.get('name')!r}; name and file name must be the same")
    return values


def _apply(values: dict[str, Any], override: str, name: str) -> None:
    key, value = _setting(override)
    known = list(_keys(Profile))[1:]
    if key not in known and not key.startswith("own_profile."):
        raise CompanionError(f"profile {name} has no key {key!r} to set; {nearest(key, known)}")
    *path, last = key.split(".")
    place = values
    for part in path:
        if not isinstance(place.get(part), dict):  # the profile leaves it out
            place[part] = {}
        place = place[part]
    place[last] = value


def _setting(override: str) -> tuple[str, Any]:
    """Split "key=value" of a profile: where the key takes a text, 2024 and true are texts, and a folder is absolute."""
    key, value = split_assignment(override)
    if key in _TEXTS and not isinstance(value, str) and value is not None:
        value = override.partition("=")[2]
    if key == "folder" and value:
        value = _absolute(value)
    elif key in _TEXTS and value and not (MODELS / value).is_dir() and (folder := Path(value).expanduser()).is_dir():
        value = os.path.abspath(folder)
    return key, value


def _absolute(folder: str) -> str:
    """Make the path of a folder absolute: in the working directory, or else under COMPANION_DATA."""
    named = Path(folder).expanduser()
    roots = [Path.cwd()] if named.is_absolute() else [Path.cwd(), *filter(None, [data_root()])]
    paths = [os.path.abspath(root / named) for root in roots]
    found = sorted({path for path in paths if os.path.isdir(path)})
    if len(found) > 1:
        raise CompanionError(f"folder={folder} is {found[0]} and {found[1]}; give one of them in full")
    return found[0] if found else paths[0]


def _first_seeds(seeds: list[int], count: int, name: str) -> list[int]:
    if not 1 <= count <= len(seeds):
        raise CompanionError(f"seeds={count}: profile {name} has {len(seeds)} seeds; give 1 to {len(seeds)}")
    return seeds[:count]


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for key, field in model.model_fields.items():
        yield key
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from (f"{key}.{inner}" for inner in _keys(kind))


def _validated(values: dict[str, Any], name: str) -> Profile:
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        key, message, kind, value, _ = first_problem(error)
        if kind == "extra_forbidden":
            raise CompanionError(
                f"profile {name} has an unknown key {key!r}; {nearest(key, list(_keys(Profile)))}"
            ) from None
        shown = "" if kind == "missing" else f" (it is {value!r}{'; put it into quotes' if 'string' in kind else ''})"
        raise CompanionError(f"profile {name}, key {key}: {message}{shown}") from None
