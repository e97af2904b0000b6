"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def path(text: str) -> Path:
    """A path as it is given, with `~` as the home folder even where a shell has left it in quotes."""
    if not text:
        raise typer.BadParameter("the name is empty; give a file or folder, or . for this folder")
    return Path(text).expanduser()


def named(text: str) -> str:
    """The name of a model; an empty one, such as that of a variable which is not set, would pass for none."""
    if not text.strip():
        raise typer.BadParameter("the name is empty; give a model, or leave the option out")
    return text


Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting.")]
ProfileName = Annotated[str, typer.Option("--profile", help="A file of profiles/, without suffix.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Tasks side by side, in processes of this machine.")]
Ray = Annotated[
    str | None, typer.Option("--ray", metavar="ADDRESS", help="Tasks on a Ray cluster: HOST:PORT, auto, or local.")
]
