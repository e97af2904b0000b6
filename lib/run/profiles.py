"""Profiles: one YAML file each, which names a world and every setting that an experiment on it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lib.data.errors import CompanionError, NotAvailable
from lib.data.fetch import data_root
from lib.data.files import digest
from lib.data.manifest import nearest
from lib.data.yaml import load_yaml
from lib.run.places import PROFILES

Count = Annotated[int, Field(ge=1)]
Number = Annotated[str, Field(pattern="^[0-9]{2}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Splits(_Strict):
    """Pairs in each split."""

    train: Count
    dev: Count
    test: Count


class SaeSettings(_Strict):
    """Dictionaries of a profile: active latents a row, widths over the embedding's, optimiser steps, rows a step, and
    the learning rate over that of `lib.sae.train.learning_rate`, which is meant for long trainings."""

    k: Count
    expansions: Annotated[list[Count], Field(min_length=1)]
    steps: Count
    batch: Count
    rate: Annotated[float, Field(gt=0)] = 1.0


class PairSettings(_Strict):
    """Dictionaries of pairs (papers 2 and 3): latents, optimiser steps, and pairs a step."""

    width: Count
    steps: Count
    batch: Count = 128


class Profile(_Strict):
    """What a notebook runs on. `name` is also the folder under results/; a changed profile has a name of its own."""

    name: str
    world: Literal[
        "scenes", "sounds", "clip-arrays", "photos", "tiny-imagenet", "flickr1k", "own-pictures", "own-arrays", "clip"
    ]
    device: Literal["auto", "cpu", "cuda"]
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    splits: Splits
    sae: SaeSettings
    notebooks: list[Number]
    own_profile: dict[Number, str]
    """Notebooks of this profile that show another world, and the profile they run in."""
    needs: list[str]
    """Entries of data_manifest.yaml without which nothing of the profile runs."""
    folder: str | None = None
    """A user's own data: an absolute path, or one under COMPANION_DATA."""
    encoder: str | None = None
    """The open_clip model that embeds, "NAME" or "ARCHITECTURE TAG", in the worlds that have none of their own."""
    judge: str | None = None
    """The one that judges them."""
    pairs: PairSettings | None = None
    """None: the sizes for small worlds, in `lib.run.studies.split` and `vl_concepts`."""

    @field_validator("seeds", "notebooks")
    @classmethod
    def _no_repeats(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise ValueError("an entry appears twice; keep one")
        return values


def load_profile(
    name: str, overrides: Sequence[str] = (), *, seeds: int | None = None, folder: Path = PROFILES
) -> Profile:
    """The profile `folder/NAME.yaml` with `overrides` such as "sae.steps=100" applied; `seeds` keeps the first n seeds.

    Overrides may also follow the name after blanks ("scenes sae.steps=100"): in this form a changed profile passes
    through a notebook's `profile` parameter. A profile whose settings were changed is called NAME~HASH, so that its
    results never mix with those of the profile as committed.
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
    """The profile and its overrides as one text that `load_profile` reads: "scenes sae.steps=100 seeds=[0,1]".

    Spaces in values, such as those of folders, are escaped, since spaces part the overrides.
    """
    pairs = [split_assignment(override) for override in overrides]
    values = [(key, json.dumps(value, separators=(",", ":")).replace(" ", "\\u0020")) for key, value in pairs]
    return " ".join([name, *(f"{key}={value}" for key, value in values)])


def own_folder(profile: Profile) -> Path:
    """The folder that a profile names: absolute, or under COMPANION_DATA."""
    if not profile.folder:
        raise NotAvailable(f"profile {profile.name} names no folder; --set folder=/path/to/yours gives one")
    folder = (data_root() or Path.cwd()) / Path(profile.folder).expanduser()
    if not folder.is_dir():
        raise NotAvailable(f"{folder}: no such folder; --set folder=/path/to/yours names another")
    return folder


def known_profiles(folder: Path = PROFILES) -> list[str]:
    """Names of the profiles in a folder."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def plain_value(text: str) -> Any:
    """The value in `key=value` on a command line: JSON if it is JSON (3, 1e-3, true, [0,1]), else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def split_assignment(text: str) -> tuple[str, Any]:
    """`key=value` as key and plain value."""
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
    key, value = split_assignment(override)
    *path, last = key.split(".")
    place: Any = values
    for part in path:
        place = place.get(part) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last not in place or key == "name":
        raise CompanionError(f"profile {name} has no key {key!r} to set; {nearest(key, list(_keys(Profile))[1:])}")
    place[last] = value


def _first_seeds(seeds: list[int], count: int, name: str) -> list[int]:
    if not 1 <= count <= len(seeds):
        raise CompanionError(f"seeds={count}: profile {name} has {len(seeds)} seeds; give 1 to {len(seeds)}")
    return seeds[:count]


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for key, field in model.model_fields.items():
        yield key
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{key}.{inner}" for inner in _keys(field.annotation))


def _validated(values: dict[str, Any], name: str) -> Profile:
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        # A mistyped key is both unknown and missing; unknown is what helps.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise CompanionError(
                f"profile {name} has an unknown key {key!r}; {nearest(key, list(_keys(Profile)))}"
            ) from None
        message = first["msg"].removeprefix("Value error, ")
        shown = "" if first["type"] == "missing" else f" (it is {first['input']!r})"
        raise CompanionError(f"profile {name}, key {key}: {message}{shown}") from None
