"""The command line: `python -m lib COMMAND`. Bad input is one line and exit code 2."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lib.data.errors import CompanionError
from lib.run.places import results_root

# What a command needs is imported when it runs: `--help` should not wait for torch.

app = typer.Typer(
    help="Run the notebooks, fetch data, read the scoreboard.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="The files of data_manifest.yaml.", no_args_is_help=True)
app.add_typer(data, name="data")

Numbers = Annotated[list[str] | None, typer.Argument(metavar="[NN]...", help="Notebook numbers; all by default.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting.")]
ProfileName = Annotated[str, typer.Option("--profile", help="A file of profiles/, without suffix.")]

Force = Annotated[bool, typer.Option("--force", help="Run what is up to date, too.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Tasks side by side, in processes of this machine.")]
Ray = Annotated[
    str | None, typer.Option("--ray", metavar="ADDRESS", help="Tasks on a Ray cluster: HOST:PORT, auto, or local.")
]
Kernel = Annotated[str, typer.Option("--kernel", "-k", help="Jupyter kernel.")]


@app.command()
def run(
    numbers: Numbers = None,
    profile: ProfileName = "scenes",
    setting: Settings = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Set a notebook's parameter.")
    ] = None,
    force: Force = False,
    jobs: Jobs = 1,
    ray: Ray = None,
    kernel: Kernel = "python3",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Estimate time, memory and disk; run nothing.")] = False,
) -> None:
    """Run the notebooks of a profile and print the scoreboard. Exit code 1 if a notebook failed."""
    from lib.data.workers import Workers
    from lib.run.batch import plan, run_tasks, write_summary
    from lib.run.profiles import load_profile, split_assignment

    parameters = dict(split_assignment(text) for text in parameter or [])
    tasks = plan(load_profile(profile), numbers or [], overrides=setting or [], parameters=parameters)
    if dry_run:
        from lib.run.estimate import estimate

        for line in estimate(load_profile(profile, setting or []), tasks):
            typer.echo(line)
        return
    outcomes = run_tasks(
        tasks,
        force=force,
        workers=Workers(jobs, ray),
        kernel=kernel,
        on_outcome=lambda one: typer.echo(one.line()),
    )
    write_summary(profile, outcomes)
    typer.echo("")
    if any(results_root().glob("*/claims/*.json")):
        claims()
    typer.echo(f"\nresults: {results_root()} (executed notebooks in PROFILE/notebooks)")
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def grid(
    file: Annotated[Path, typer.Argument(metavar="GRID.yaml", help="Notebooks, and the values that settings take.")],
    profile: ProfileName = "scenes",
    force: Force = False,
    jobs: Jobs = 1,
    ray: Ray = None,
    kernel: Kernel = "python3",
) -> None:
    """Run notebooks over a grid of settings; one table and one figure of their claims. Exit code 1 if one failed."""
    from lib.data.workers import Workers
    from lib.run.batch import run_tasks
    from lib.run.grid import collect, grid_tasks, load_grid, write_grid
    from lib.run.profiles import load_profile
    from lib.run.runner import Outcome

    loaded = load_grid(file)
    cells = grid_tasks(loaded, load_profile(profile))

    def tell(outcome: Outcome) -> None:
        typer.echo(f"{outcome.line()}  [{outcome.profile}]")

    tasks = [task for _, task in cells]
    outcomes = run_tasks(tasks, force=force, workers=Workers(jobs, ray), kernel=kernel, on_outcome=tell)
    for path in write_grid(file.stem, loaded, collect(cells)):
        typer.echo(path)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def notebooks(numbers: Numbers = None) -> None:
    """Run the committed notebooks in their default profiles and write their outputs back to notebooks/."""
    from lib.run.notebooks import refresh

    for outcome in refresh(numbers or []):
        typer.echo(outcome.line())


@app.command()
def site(folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write it.")]) -> None:
    """Write the executed notebooks and the sources that they speak of as a static site."""
    from lib.run.site import write_site

    typer.echo(f"{len(write_site(folder))} pages; open {folder / 'index.html'}")


@app.command()
def explorer(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it, such as explorer.html.")],
    profile: ProfileName = "scenes",
    setting: Settings = None,
) -> None:
    """Write the explorer, notebook 80, as one page with sliders that needs no kernel. `make html` shows it, too."""
    from lib.run.explorer import explorer as work
    from lib.run.profiles import load_profile

    typer.echo(work(load_profile(profile, setting or []), file))


@app.command()
def classroom(folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write them.")]) -> None:
    """Write copies of the notebooks for a class, with exercises to solve, and for who teaches, with the solutions."""
    from lib.run.classroom import write_classroom

    typer.echo(f"{len(write_classroom(folder))} notebooks in {folder / 'class'} and {folder / 'instructor'}")


@app.command()
def embed(profile: ProfileName = "scenes", setting: Settings = None, jobs: Jobs = 1, ray: Ray = None) -> None:
    """Embed every split of a profile's world, judges included; what is in the cache stays."""
    from lib.data.workers import Workers
    from lib.run.commands import embed as work
    from lib.run.profiles import load_profile

    for line in work(load_profile(profile, setting or []), Workers(jobs, ray)):
        typer.echo(line)


@app.command()
def train(
    profile: ProfileName = "scenes",
    recipe: Annotated[list[str], typer.Option(help="A dictionary of lib/sae.")] = ["topk"],  # noqa: B006
    expansion: Annotated[list[int], typer.Option(min=1, help="Width over the embedding's.")] = [4],  # noqa: B006
    k: Annotated[list[int], typer.Option(min=1, help="Active latents an image.")] = [8],  # noqa: B006
    l1: Annotated[float, typer.Option(min=0, help="Weight of the L1 term (relu).")] = 0.1,
    seed: Annotated[list[int], typer.Option(min=0, help="Of weights and data order.")] = [0],  # noqa: B006
    setting: Settings = None,
    jobs: Jobs = 1,
    ray: Ray = None,
) -> None:
    """Train dictionaries on a profile's images and measure them on unseen ones; a killed run goes on.

    Options given several times make a sweep: every combination is trained. Under torchrun, all processes train each.
    """
    from itertools import product

    from lib.data.workers import Workers
    from lib.run.commands import train as work
    from lib.run.profiles import load_profile
    from lib.run.studies.dictionaries import Recipe

    recipes = [Recipe(*which, l1) for which in product(recipe, expansion, k)]
    for line in work(load_profile(profile, setting or []), recipes, seed, Workers(jobs, ray)):
        typer.echo(line)


Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of pictures, subfolders included.")]


@app.command()
def concepts(
    folder: Folder,
    words: Annotated[Path | None, typer.Option(help="Words to call concepts by, one a line.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Concepts to show.")] = 5,
    profile: ProfileName = "photos",
    setting: Settings = None,
) -> None:
    """Say in words what a folder's pictures show, by the latents that they activate."""
    from lib.run.concepts import concepts as work
    from lib.run.concepts import read_words
    from lib.run.profiles import load_profile

    for line in work(folder, load_profile(profile, setting or []), read_words(words) if words else read_words(), k):
        typer.echo(line)


@app.command()
def index(folder: Folder, profile: ProfileName = "photos", setting: Settings = None) -> None:
    """Make a folder of pictures ready to be searched by captions, with the encoder of a profile's world."""
    from lib.run.profiles import load_profile
    from lib.run.search import index_folder

    for line in index_folder(folder, load_profile(profile, setting or [])):
        typer.echo(line)


@app.command()
def search(
    folder: Folder,
    caption: Annotated[str, typer.Argument(help="What to look for, in words.")],
    k: Annotated[int, typer.Option("-k", min=1, help="Pictures to show.")] = 10,
    profile: ProfileName = "photos",
    setting: Settings = None,
) -> None:
    """Find the pictures of a caption in a folder, each scored as the caption edits it."""
    from lib.run.profiles import load_profile
    from lib.run.search import search_folder

    for line in search_folder(folder, caption, load_profile(profile, setting or []), k):
        typer.echo(line)


@app.command()
def score(
    protocol: Annotated[str, typer.Argument(help="coco-karpathy, rococo or sugarcrepe.")],
    photos: Annotated[Path, typer.Argument(help="COCO's folder, with val2014 or val2017 in it.")],
    profile: ProfileName = "scenes",
    setting: Settings = None,
) -> None:
    """Score the encoder of a profile on a published retrieval protocol."""
    from lib.run.commands import score as work
    from lib.run.profiles import load_profile

    typer.echo(work(load_profile(profile, setting or []), protocol, photos))


@app.command()
def claims() -> None:
    """Print the scoreboard: every claim and its verdict in every profile."""
    from lib.report.scoreboard import scoreboard, scoreboard_text

    typer.echo(scoreboard_text(scoreboard(results_root())))


@app.command()
def readme() -> None:
    """Write the generated parts of README.md anew: the scoreboard and the table of notebooks."""
    from lib.run.readme import write_readme

    typer.echo(f"changed: {', '.join(write_readme()) or 'nothing'}")


@app.command()
def doctor(profile: ProfileName = "scenes", setting: Settings = None) -> None:
    """Say what this machine can run."""
    from lib.run.doctor import doctor as examine

    for line in examine(profile, setting or []):
        typer.echo(line)


@data.command("list")
def list_data() -> None:
    """Every dataset of the manifest, and whether it is here."""
    from lib.data.manifest import load_manifest
    from lib.run.doctor import dataset_state

    for name, entry in load_manifest().datasets.items():
        typer.echo(f"{name:<20} {entry.title}\n{'':<20} {entry.licence.spdx}, {entry.access}; {dataset_state(name)}")


@data.command()
def fetch(dataset: Annotated[str, typer.Argument(help="A dataset of the manifest.")]) -> None:
    """Fetch and verify the files of a dataset, and print where they lie."""
    from lib.data.fetch import fetch_dataset

    for path in fetch_dataset(dataset):
        typer.echo(path)


@data.command("verify")
def verify_data(
    dataset: Annotated[str | None, typer.Argument(help="A dataset of the manifest; all by default.")] = None,
) -> None:
    """Hash what is here. Exit code 1 if a file has wrong bytes."""
    from lib.data.fetch import verify
    from lib.data.manifest import load_manifest

    found = [state for name in ([dataset] if dataset else load_manifest().datasets) for state in verify(name)]
    for path, state in found:
        typer.echo(f"{state:<11} {path}")
    if any(state == "wrong" for _, state in found):
        raise typer.Exit(1)


def main() -> None:
    """The entry of `python -m lib`."""
    try:
        app(prog_name="python -m lib")
    except CompanionError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
