"""Commands about a folder of pictures: what they show, and which of them a caption means."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lib.run.options import ProfileName, Settings, named, path

if TYPE_CHECKING:
    from lib.worlds.profiles import Profile

Folder = Annotated[
    Path, typer.Argument(parser=path, metavar="FOLDER", help="A folder of pictures, subfolders included.")
]
Model = Annotated[
    str | None,
    typer.Option(
        "--encoder", parser=named, metavar="MODEL", help="Such as 'ViT-B-32 openai'; by default the profile's."
    ),
]
Sheet = Annotated[
    Path | None,
    typer.Option(
        "--html", parser=path, metavar="FILE", help="Write a page with small pictures, too; it needs no network."
    ),
]


def concepts(
    folder: Folder,
    words: Annotated[Path | None, typer.Option(parser=path, help="Words to choose from, one per line.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Words to show of each picture.")] = 5,
    html: Sheet = None,
    encoder: Model = None,
    profile: ProfileName = "photos",
    setting: Settings = None,
) -> None:
    """Say in words what a folder's pictures show: the nearest words, and latents whose name was tested."""
    from lib.apps.words import read_words

    settings = _pictures(folder, profile, setting, encoder, html)
    chosen, tally = read_words(words) if words else read_words()
    from lib.apps.concepts import name_concepts

    for line in name_concepts(folder, settings, chosen, k, model=encoder, html=html):
        typer.echo(line)
    if tally.left_out:
        typer.echo(tally.line())


def index(folder: Folder, encoder: Model = None, profile: ProfileName = "photos", setting: Settings = None) -> None:
    """Make a folder of pictures ready to be searched by captions; again, it embeds only what is new or changed."""
    settings = _pictures(folder, profile, setting, encoder)
    from lib.apps.search import index_folder

    for line in index_folder(folder, settings, encoder):
        typer.echo(line)


def search(
    folder: Folder,
    captions: Annotated[
        list[str] | None, typer.Argument(metavar="[CAPTION]...", help="What to look for, in words; none asks for it.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Pictures to show of each caption.")] = 10,
    html: Sheet = None,
    encoder: Model = None,
    profile: ProfileName = "photos",
    setting: Settings = None,
) -> None:
    """Find the pictures of captions in a folder, by the cosine of their embeddings.

    Without a caption it asks for one after the other, and the model is loaded only once.
    """
    from lib.apps.given import check_caption

    for caption in captions or []:
        check_caption(caption)
    settings = _pictures(folder, profile, setting, encoder, html)
    from lib.apps.search import search_folder

    for line in search_folder(folder, captions or [], settings, k, model=encoder, html=html):
        typer.echo(line)


def _pictures(
    folder: Path, profile: str, setting: list[str] | None, model: str | None, html: Path | None = None
) -> Profile:
    """Check what is given to a command about a folder of pictures, and say that it goes on before the slow imports."""
    from lib.apps.given import check_model, check_pictures, check_target_file, given_profile

    check_pictures(folder)
    check_model("encoder", model)
    if html:
        check_target_file(html)
    settings = given_profile(profile, setting)
    if sys.stderr.isatty():
        typer.echo("loading the model ...", err=True)
    return settings
