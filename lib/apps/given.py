"""Checks of the input of commands with light imports: an error about it should not wait for torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lib.base.errors import CompanionError
from lib.base.names import nearest
from lib.base.places import MODELS
from lib.data.formats.caption_files import find_captions
from lib.data.formats.own_vectors import refuse_without_vectors
from lib.data.formats.picture_files import refuse_without_pictures, shard_files
from lib.data.formats.text_files import is_unicode
from lib.worlds.profiles import Profile, load_profile, own_folder

ENCODER_PROTOCOLS = (
    "coco-karpathy",
    "coco-val2017",
    "eccv",
    "rococo",
    "sugarcrepe",
    "docci",
    "dci",
    "iiw",
    "zero-shot",
    "vl-sae",
    "audiocaps",
    "clotho",
    "musicbench",
    "esc50",
)
"""The published benchmarks on which `lib.apps.score_protocols` scores an encoder."""

ANSWER_PROTOCOLS = ("pope", "chair")
"""The published benchmarks on which it scores the answers of a multimodal LLM."""


def given_profile(name: str, overrides: Sequence[str] | None = None) -> Profile:
    """Load a profile with its changes, and look into the folder of a user's own data, if it names one."""
    profile = load_profile(name, overrides or [])
    look_into_folder(profile)
    return profile


def check_models(profile: Profile) -> None:
    """Apply `check_model` to the models that a profile names."""
    for part, name in (("encoder", profile.encoder), ("judge", profile.judge)):
        check_model(part, name)


def check_model(part: str, name: str | None) -> None:
    """Raise the error about a model named by a folder, or by the name of a shipped one, that does not exist; for a
    published model, its library or the hub raises it.
    """
    if not name or name == "photos-clip" or name.startswith("hf-hub:") or Path(name).expanduser().is_dir():
        return
    if " " not in name and not (MODELS / name).is_dir():
        raise CompanionError(f"{part} {name!r}: neither a folder nor a shipped model; give 'ARCHITECTURE TAG'")


def look_into_folder(profile: Profile) -> None:
    """Raise the error about a folder of a user's own data that is missing or has nothing to read, or about a model."""
    check_models(profile)
    if profile.world == "own-pictures":
        find_captions(own_folder(profile))
        if not shard_files(own_folder(profile)):
            refuse_without_pictures(own_folder(profile))
    if profile.world == "own-arrays":
        refuse_without_vectors(own_folder(profile))


def check_pictures(folder: Path) -> None:
    """Raise the error about a folder that is missing or has no picture in it."""
    refuse_without_pictures(folder.expanduser())


def check_caption(caption: str) -> None:
    """Raise the error about an empty caption to search for."""
    if not caption.strip():
        raise CompanionError("the caption is empty; say in words what to look for")
    if not is_unicode(caption):
        raise CompanionError(f"the caption {caption!r} is not UTF-8 text; set the terminal to UTF-8 and type it again")


def typed_captions() -> Iterator[str]:
    """Ask for captions one by one, until an empty one or the end of the input; without a terminal, read its lines."""
    asks = "caption, or nothing to end: " if sys.stdin.isatty() else ""
    try:
        while (caption := input(asks)).strip():
            yield caption
    except EOFError:
        return
    except UnicodeDecodeError:
        raise CompanionError("the captions on standard input are not UTF-8 text; save them as UTF-8") from None


def check_target_file(path: Path) -> None:
    """Raise the error about a file that cannot be written, before it takes minutes to make."""
    if path.is_dir():
        raise CompanionError(f"{path} is a folder; name a file in it")
    check_target_folder(path.parent)


def check_target_folder(path: Path) -> None:
    """Raise the error about a folder that cannot be made or written to."""
    there = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
    if not there.is_dir():
        raise CompanionError(f"{there} is a file; name a folder")
    if not os.access(there, os.W_OK):
        raise CompanionError(f"{there} cannot be written to; name another folder")


def check_exists(path: Path, remedy: str) -> None:
    """Raise an error with the remedy if there is no such file or folder."""
    if not path.expanduser().exists():
        raise CompanionError(f"{path}: no such file or folder; {remedy}")


def check_dictionary(source: Path, sha256: str | None) -> None:
    """Raise the error about a foreign dictionary that is missing, or that is one file without its hash."""
    check_exists(source, "give a folder of SAELens, or a checkpoint that was published")
    if not source.is_dir() and sha256 is None:
        raise CompanionError(f"{source} may be any file; give --sha256, at least 8 digits, from the checkpoint's page")


def check_protocol(protocol: str, answers: Path | None) -> None:
    """Raise the error about an unknown benchmark, and about answers that are missing or too many."""
    if protocol not in (known := (*ENCODER_PROTOCOLS, *ANSWER_PROTOCOLS)):
        raise CompanionError(f"no protocol {protocol!r}; {nearest(protocol, known)}")
    if (protocol in ANSWER_PROTOCOLS) != (answers is not None):
        wanted = "give --answers FILE" if answers is None else "leave out --answers"
        raise CompanionError(f"{protocol} scores {'answers' if answers is None else 'an encoder'}; {wanted}")
