"""Commands that run notebooks, print their claims, and make pages from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lib.base.errors import CompanionError
from lib.base.places import results_root
from lib.run.options import Jobs, ProfileName, Ray, Settings, path

if TYPE_CHECKING:
    from lib.run.runner import Outcome, Task
    from lib.worlds.profiles import Profile

Numbers = Annotated[list[str] | None, typer.Argument(metavar="[NN]...", help="Notebook numbers; all by default.")]
Force = Annotated[bool, typer.Option("--force", help="Also run notebooks that are up to date.")]
AllCores = Annotated[
    int | None, typer.Option("--jobs", min=1, help="How many notebooks run at a time; by default one per core.")
]
Kernel = Annotated[str, typer.Option("--kernel", "-k", help="Jupyter kernel.")]


def run(
    numbers: Numbers = None,
    profile: ProfileName = "scenes",
    setting: Settings = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Set a notebook's parameter.")
    ] = None,
    force: Force = False,
    jobs: AllCores = None,
    ray: Ray = None,
    kernel: Kernel = "python3",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Estimate time, memory and disk; run nothing.")] = False,
) -> None:
    """Run the notebooks of a profile and print the scoreboard. Exit code 1 if a notebook failed.

    It says beforehand what they train and how long that takes with an empty cache, and later how much time is left.

    Example: python -m lib run 10 11 --profile photos --set sae.steps=500
    """
    from lib.base.workers import Workers, cores
    from lib.run.batch import plan, run_tasks, write_summary
    from lib.run.durations import TimeLeft, longest_first, said
    from lib.run.runner import is_up_to_date
    from lib.worlds.profiles import load_profile, split_assignment

    parameters = dict(split_assignment(text) for text in parameter or [])
    if "profile" in parameters:
        raise CompanionError(f"-p profile={parameters['profile']} would ignore --set; use --profile instead")
    tasks = plan(load_profile(profile), numbers or [], overrides=setting or [], parameters=parameters)
    settings = load_profile(profile, setting or [])
    if dry_run:
        _tell_estimate(settings, tasks)
        return
    _check_data(tasks, named=bool(numbers))
    workers = Workers(jobs or (1 if ray else cores()), ray)
    if workers.jobs > 1:
        tasks = longest_first(tasks)
    waiting = [task for task in tasks if force or not is_up_to_date(task)]
    left = TimeLeft(waiting, workers.jobs)
    if waiting:
        about = "" if ray else f", about {said(left.seconds())} by their last runs"  # nobody knows Ray's room yet
        typer.echo(f"{len(waiting)} of {len(tasks)} notebooks to run{about}")
        try:
            _tell_estimate(settings, waiting)
        except CompanionError as error:  # a model may be missing; the notebooks that need it will also say so
            typer.echo(f"no estimate of the trainings: {error}")

    def tell(outcome: Outcome) -> None:
        typer.echo(f"{outcome.line()}  {'' if ray else left.after(outcome)}".rstrip())

    outcomes = run_tasks(tasks, force=force, workers=workers, kernel=kernel, on_outcome=tell)
    write_summary(profile, outcomes)
    typer.echo("")
    if any(results_root().glob("*/claims/*.json")):
        claims()
    typer.echo(f"\nresults: {results_root()} (executed notebooks in PROFILE/notebooks)")
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def _check_data(tasks: list[Task], *, named: bool) -> None:
    """Look into the tasks' folders, and refuse named notebooks that need more rows than the splits have.

    A whole profile runs those of its notebooks that it can.
    """
    from lib.apps.given import look_into_folder
    from lib.worlds.least_sizes import LEAST, check_splits

    for task in tasks:
        _, _, settings = task.checked()
        look_into_folder(settings)
        least = LEAST.get(task.notebook.name[:2])
        if named and least:
            check_splits(settings, least(settings))


def _tell_estimate(profile: Profile, tasks: list[Task]) -> None:
    """Print what the notebooks train and how long it takes on this machine."""
    from lib.run.estimate import estimate

    for line in estimate(profile, tasks):
        typer.echo(line)


def grid(
    file: Annotated[
        Path, typer.Argument(parser=path, metavar="GRID.yaml", help="The file with notebooks and values of settings.")
    ],
    profile: ProfileName = "scenes",
    force: Force = False,
    jobs: Jobs = 1,
    ray: Ray = None,
    kernel: Kernel = "python3",
) -> None:
    """Run notebooks over a grid of settings, and write one table and one figure of their claims.

    Exit code 1 if a notebook failed. Example: python -m lib grid docs/sparsity.yaml
    """
    from lib.apps.given import look_into_folder
    from lib.base.workers import Workers
    from lib.run.batch import run_tasks
    from lib.run.grid import grid_tasks, load_grid, reserve_name
    from lib.worlds.profiles import load_profile

    loaded = load_grid(file)
    cells = grid_tasks(loaded, load_profile(profile))
    reserve_name(file, load_profile(profile))
    for _, task in cells:
        look_into_folder(task.checked()[2])
    from lib.run.grid_claims import collect, write_grid

    def tell(outcome: Outcome) -> None:
        typer.echo(f"{outcome.line()}  [{outcome.profile}]")

    tasks = [task for _, task in cells]
    outcomes = run_tasks(tasks, force=force, workers=Workers(jobs, ray), kernel=kernel, on_outcome=tell)
    for written in write_grid(file.stem, loaded, collect(cells)):
        typer.echo(written)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def notebooks(numbers: Numbers = None) -> None:
    """Run the committed notebooks in their default profiles and write their outputs back to notebooks/.

    Example: python -m lib notebooks 10 11
    """
    from lib.base.places import find_notebook

    for number in numbers or []:
        find_notebook(number)
    from lib.run.notebooks import refresh

    for outcome in refresh(numbers or []):
        typer.echo(outcome.line())


def site(folder: Annotated[Path, typer.Argument(parser=path, metavar="FOLDER", help="Where to write it.")]) -> None:
    """Write the executed notebooks, and the sources that they mention, as a static site.

    Example: python -m lib site .cache/site
    """
    from lib.apps.given import check_target_folder

    check_target_folder(folder)
    from lib.apps.site.write_site import write_site

    pages = [file for file in write_site(folder) if file.suffix == ".html"]
    typer.echo(f"{len(pages)} pages; open {folder / 'index.html'}")


def reference(
    folder: Annotated[Path, typer.Argument(parser=path, metavar="FOLDER", help="The site's folder.")],
) -> None:
    """Write the reference of the library into a static site, as api/, from the docstrings.

    Example: python -m lib reference .cache/site
    """
    from lib.apps.given import check_target_folder

    check_target_folder(folder)
    from lib.apps.reference import write_reference

    typer.echo(f"{len(write_reference(folder))} pages; open {folder / 'api' / 'index.html'}")


def explorer(
    file: Annotated[
        Path, typer.Argument(parser=path, metavar="FILE", help="Where to write it, such as explorer.html.")
    ],
    profile: ProfileName = "scenes",
    setting: Settings = None,
) -> None:
    """Write the explorer, notebook 80, as one file with sliders that needs no kernel, also for changed settings.

    Example: python -m lib explorer explorer.html
    """
    from lib.apps.given import check_target_file, given_profile

    check_target_file(file)
    settings = given_profile(profile, setting)
    from lib.apps.explorer.explorer_file import write_explorer

    typer.echo(write_explorer(settings, file))


def classroom(
    folder: Annotated[Path, typer.Argument(parser=path, metavar="FOLDER", help="Where to write them.")],
) -> None:
    """Write copies of the notebooks: for a class, with exercises to solve, and for instructors, with the solutions.

    Example: python -m lib classroom lessons
    """
    from lib.apps.given import check_target_folder

    check_target_folder(folder)
    from lib.apps.classroom import write_classroom

    copies = [path for path in write_classroom(folder) if path.parent.name == "class"]
    typer.echo(f"{len(copies)} notebooks in {folder / 'class'}, with solutions in {folder / 'instructor'}")


def claims() -> None:
    """Print the scoreboard: every claim and its verdict in every profile.

    Example: python -m lib claims
    """
    from lib.report.scoreboard import scoreboard, scoreboard_text

    typer.echo(scoreboard_text(scoreboard(results_root())))


def readme() -> None:
    """Write the generated parts of README.md, docs/scoreboard.md and docs/notebooks.md again.

    Example: python -m lib readme
    """
    from lib.run.readme import write_readme

    typer.echo(f"changed: {', '.join(write_readme()) or 'nothing'}")
