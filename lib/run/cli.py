"""The command line: `python -m lib COMMAND`. Bad input gives an error of one line and exit code 2."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer

from lib.base.errors import CompanionError
from lib.base.files import cache_root, write_atomic
from lib.base.places import fix_places
from lib.run import dictionary_commands as dictionaries
from lib.run import notebook_commands as notebooks
from lib.run import picture_commands as pictures
from lib.run.options import ProfileName, Settings

# A command imports what it needs when it runs, and whatever needs torch only after `lib.apps.given` has checked the
# user's input: neither `--help` nor an error about a folder should wait for torch.

app = typer.Typer(
    help="Run the notebooks, describe and search pictures, train dictionaries, fetch data, print the scoreboard.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="The files of data_manifest.yaml.", no_args_is_help=True)
app.add_typer(data, name="data")


@app.callback()
def begin() -> None:
    fix_places()


def doctor(profile: ProfileName = "scenes", setting: Settings = None) -> None:
    """Say what this machine can run, and how to get what is missing.

    Example: python -m lib doctor --profile clip-small
    """
    from lib.run.doctor import doctor as examine

    for line in examine(profile, setting or []):
        typer.echo(line)


for command in (
    *(notebooks.run, notebooks.grid, notebooks.notebooks),
    *(notebooks.site, notebooks.reference, notebooks.explorer, notebooks.classroom),
    *(dictionaries.embed, dictionaries.train, dictionaries.import_, dictionaries.export),
    *(pictures.concepts, pictures.index, pictures.search),
    *(dictionaries.score, dictionaries.ask),
    *(notebooks.claims, notebooks.readme, doctor),
):
    app.command(command.__name__.rstrip("_"))(command)


@data.command("list")
def list_data() -> None:
    """List every dataset of the manifest, and say whether it is here.

    Example: python -m lib data list
    """
    from lib.data.formats.manifest import load_manifest
    from lib.run.doctor import dataset_state

    for name, entry in load_manifest().datasets.items():
        typer.echo(f"{name:<20} {entry.title}\n{'':<20} {entry.licence.spdx}, {entry.access}; {dataset_state(name)}")


@data.command()
def fetch(dataset: Annotated[str, typer.Argument(help="A dataset of the manifest.")]) -> None:
    """Fetch and verify the files of a dataset, and print where they are.

    Example: python -m lib data fetch pope
    """
    from lib.data.formats.fetch import fetch_dataset

    for path in fetch_dataset(dataset):
        typer.echo(path)


@data.command("verify")
def verify_data(
    dataset: Annotated[str | None, typer.Argument(help="A dataset of the manifest; all by default.")] = None,
) -> None:
    """Compare the hashes of the files that are here with the manifest. Exit code 1 if a file has wrong bytes.

    Example: python -m lib data verify clip-arrays
    """
    from lib.data.formats.fetch import verify
    from lib.data.formats.manifest import load_manifest

    found = [state for name in ([dataset] if dataset else load_manifest().datasets) for state in verify(name)]
    for path, state in found:
        typer.echo(f"{state:<11} {path}")
    if any(state == "wrong" for _, state in found):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line, and turn every error into one line and an exit code."""
    try:
        app(prog_name="python -m lib")
    except CompanionError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
    except Exception as error:
        if _is_of_memory(error):
            typer.echo("error: this machine has too little memory for such sizes; take fewer rows or latents", err=True)
            sys.exit(2)
        typer.echo(f"error: {_unforeseen(error)}", err=True)
        sys.exit(1)


def _is_of_memory(error: Exception) -> bool:
    """Whether numpy or torch could not have, or count, the memory that it asked for; torch has no type for that."""
    told = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return told or any(words in str(error) for words in ("can't allocate memory", "Overflow when", "overflowed"))


def _unforeseen(error: Exception) -> str:
    """Describe an unforeseen error in one line, and write its traceback to a file."""
    line = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    report = cache_root() / "runs" / "traceback.txt"
    try:
        write_atomic(report, "".join(traceback.format_exception(error)))
    except (CompanionError, OSError):
        return line
    return f"{line} (this is a fault of the companion, not yours; {report} shows where)"
