"""The command line: `python -m benchmarks [NAME]...`; without names it runs all benchmarks."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from lib.base.errors import CompanionError
from lib.base.files import ROOT

NAMES = (
    "train_step",
    "step_parts",
    "stacked_seeds",
    "stacked_maskers",
    "final_fvu",
    "monosemanticity",
    "top_examples",
    "edited_retrieval",
    "embedding",
)
RESULTS = ROOT / "benchmarks" / "results"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help=f"Of {', '.join(NAMES)}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny sizes, to see that it runs; writes nowhere.")] = False,
    results: Annotated[Path | None, typer.Option("--results", help="Folder of the results.")] = None,
) -> None:
    """Measure ours, the peers and the bounds; write JSON, the table and the figure."""
    if unknown := set(names or ()) - set(NAMES):
        raise CompanionError(f"unknown benchmark {min(unknown)!r}; known: {', '.join(NAMES)}")
    folder = results or (None if quick else RESULTS)
    for name in names or NAMES:
        measure(name, quick, folder)
    if folder is not None:
        report(folder)


def measure(name: str, quick: bool, folder: Path | None) -> None:
    """Run one benchmark, print its rows, and write them."""
    from benchmarks.machine import machine
    from benchmarks.rows import write_rows
    from benchmarks.table import line

    typer.echo(name)
    rows = importlib.import_module(f"benchmarks.{name}").run(quick)
    for row in rows:
        typer.echo(f"  {line(row)}")
    if folder is not None:
        write_rows(folder / f"{name}.json", rows, {**machine(), "quick": quick, "peers": peer_versions()})


def report(folder: Path) -> None:
    """Draw the figure and write the table from all the results in a folder."""
    from benchmarks.figure import draw
    from benchmarks.rows import read_rows
    from benchmarks.table import write_table

    found = {name: read_rows(folder / f"{name}.json") for name in NAMES if (folder / f"{name}.json").is_file()}
    write_table(found, folder / "README.md")
    draw([row for rows, _ in found.values() for row in rows], folder / "speed.png")
    typer.echo(f"\n{folder}: a JSON file each, README.md, speed.png")


def peer_versions() -> dict[str, str]:
    """The packages of the peers' environment that `benchmarks/peers.txt` pins; empty where there is none."""
    from benchmarks import contender

    if not contender.PEERS_PYTHON.is_file():
        return {}
    code = "import importlib.metadata as m; print(*(f'{d.name.lower()}=={d.version}' for d in m.distributions()))"
    answer = subprocess.run(  # noqa: S603  # our own code, by a Python that we installed
        [contender.PEERS_PYTHON, "-c", code], capture_output=True, text=True
    )
    found = dict(pin.split("==") for pin in answer.stdout.split())
    lines = (ROOT / "benchmarks" / "peers.txt").read_text().splitlines()
    names = [line.split("==")[0] for line in lines if not line.startswith("#")]
    return {name: found[name] for name in names if name in found}


def main() -> None:
    """The entry of `python -m benchmarks`."""
    try:
        app(prog_name="python -m benchmarks")
    except CompanionError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
