"""Command-line options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def path(text: str) -> Path:
    """Turn an argument into a path; `~` is the home folder even where quotes kept the shell from expanding it."""
    if not text:
        raise typer.BadParameter("the name is empty; give a file or folder, or . for this folder")
    return Path(text).expanduser()


def named(text: str) -> str:
    """The name of a model; an empty one, such as that of a variable which is not set, would pass for none."""
    if not text.strip():
        raise typer.BadParameter("the name is empty; give a model, or leave the option out")
    return text


Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, as in sae.steps=500.")
]
ProfileName = Annotated[str, typer.Option("--profile", help="A file of profiles/, without its suffix.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="How many processes of this machine work at a time.")]
Ray = Annotated[
    str | None, typer.Option("--ray", metavar="ADDRESS", help="Work on a Ray cluster: HOST:PORT, auto, or local.")
]
