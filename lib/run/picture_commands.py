"""Commands for a folder of pictures: say what they show, and find the ones that fit a caption."""

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
        "--encoder",
        parser=named,
        metavar="MODEL",
        help="A model such as 'ViT-B-32 openai'; by default the profile's.",
    ),
]
Sheet = Annotated[
    Path | None,
    typer.Option(
        "--html", parser=path, metavar="FILE", help="Also write a page with small pictures; it needs no network."
    ),
]


def concepts(
    folder: Folder,
    words: Annotated[Path | None, typer.Option(parser=path, help="Words to choose from, one per line.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Words to show for each picture.")] = 5,
    html: Sheet = None,
    encoder: Model = None,
    profile: ProfileName = "photos",
    setting: Settings = None,
) -> None:
    """Say in words what a folder's pictures show: the nearest words, and latents whose names were tested.

    Example: python -m lib concepts pictures/ --html concepts.html
    """
    from lib.apps.words import read_words

    settings = _pictures(folder, profile, setting, encoder, html)
    chosen, tally = read_words(words) if words else read_words()
    from lib.apps.concepts import name_concepts

    for line in name_concepts(folder, settings, chosen, k, model=encoder, html=html):
        typer.echo(line)
    if tally.left_out:
        typer.echo(tally.line())


def index(folder: Folder, encoder: Model = None, profile: ProfileName = "photos", setting: Settings = None) -> None:
    """Prepare a folder of pictures for search by captions; a later call embeds only what is new or changed.

    Example: python -m lib index pictures/
    """
    settings = _pictures(folder, profile, setting, encoder)
    from lib.apps.search import index_folder

    for line in index_folder(folder, settings, encoder):
        typer.echo(line)


def search(
    folder: Folder,
    captions: Annotated[
        list[str] | None, typer.Argument(metavar="[CAPTION]...", help="What to look for, in words; asked for if none.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Pictures to show for each caption.")] = 10,
    html: Sheet = None,
    encoder: Model = None,
    profile: ProfileName = "photos",
    setting: Settings = None,
) -> None:
    """Find the pictures in a folder that fit captions, by the cosine of their embeddings.

    Without a caption it asks for one after the other, and loads the model only once.

    Example: python -m lib search pictures/ "a dog in the snow"
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
    """Check the input of a command for a folder of pictures, and announce the slow imports that follow."""
    from lib.apps.given import check_model, check_pictures, check_target_file, given_profile

    check_pictures(folder)
    check_model("encoder", model)
    if html:
        check_target_file(html)
    settings = given_profile(profile, setting)
    if sys.stderr.isatty():
        typer.echo("loading the model ...", err=True)
    return settings
