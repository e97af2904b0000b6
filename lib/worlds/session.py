"""The first call of every notebook: it takes a profile and returns a session."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.display import display

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import ROOT, write_atomic
from lib.base.places import results_root, runs_folder
from lib.base.workers import Workers
from lib.report.card import Card
from lib.report.claims import write_claim
from lib.report.console import verdict_line
from lib.report.evidence import Evidence, judge
from lib.report.figures import save_figure, use_style
from lib.report.guesses import Guesses
from lib.report.tables import write_table
from lib.worlds.freshness import note_started, note_written
from lib.worlds.profiles import Profile, load_profile

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from lib.worlds.world import World

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Session:
    """The tools of a notebook: its settings, its world, and the one way to write results."""

    profile: Profile
    """All settings of the notebook."""
    notebook: str
    """The notebook's file name without suffix, such as "10_monosemanticity"."""
    device: str
    """The device on which dictionaries train: "cpu" or "cuda"."""
    results: Path
    """The folder `results/<profile>`. It holds tables and figures; claims are in its folder `claims`."""
    stand_in: World | None = None
    """A world to use in place of the profile's, for an experiment that only lists what it would train."""

    @property
    def seeds(self) -> list[int]:
        """Seeds of everything that is trained."""
        return self.profile.seeds

    @property
    def workers(self) -> Workers:
        """The workers for independent pieces of work: as many processes as threads; on a GPU this process alone."""
        import torch

        return Workers(torch.get_num_threads() if self.device == "cpu" else 1)

    @cached_property
    def world(self) -> World:
        """The world of the profile, opened on first use."""
        from lib.worlds.open_world import open_world  # its encoders take seconds to import

        return self.stand_in or open_world(self.profile)

    @cached_property
    def guesses(self) -> Guesses:
        """What the reader guesses in this run, kept with the notes on runs: `results/` is the same for everybody."""
        return Guesses(runs_folder(self.profile.name) / "guesses" / f"{self.notebook}.json")

    def guess(self, claim: str, guess: str) -> None:
        """Note what the reader expects of a claim, such as "near 1", for `claim` to show it next to the verdict.

        An empty guess, as in the notebooks, says nothing.
        """
        self.guesses.note(claim, guess)

    def claim(self, evidence: Evidence, column: str | None = None) -> None:
        """Judge the evidence for a claim, write `claims/<id>.json`, print the verdict and show the evidence card.

        A guess that was made before is printed below the verdict.

        column: the scoreboard's column for data that are not of the session's world, such as "controlled"; its claims
        are written to `results/<column>`.
        """
        claim = judge(evidence, self.notebook)
        self._note(write_claim(claim, self.results if column is None else self._beside(column)))
        verdict_line(claim, column)
        self.guesses.compare(claim, column or self.profile.name)
        display(Card(claim))

    def table(self, name: str, table: pd.DataFrame, decimals: int) -> Path:
        """Write a table to `<name>.csv`, floats with `decimals` places."""
        return self._note(write_table(table, self.results / f"{name}.csv", decimals))

    def figure(self, fig: Figure, name: str, table: str | None = None) -> Path:
        """Write a figure to `<name>.png`. table: the table of its numbers, by default the one of the same name."""
        source = self.results / f"{table or name}.csv"
        return self._note(save_figure(fig, self.results / f"{name}.png", notebook=self.notebook, table=source))

    def pictures(self, fig: Figure, name: str, table: str | None = None) -> None:
        """Write a figure that shows the world's pictures, as `figure` does, if these may be published."""
        if self.world.keeps_pictures:
            self.figure(fig, name, table)

    def page(self, name: str, data: Mapping[str, Any]) -> None:
        """Write what a page of the site shows to `<name>.json`, if the world's pictures may be published."""
        if self.world.keeps_pictures:
            path = self.results / f"{name}.json"
            write_atomic(path, json.dumps(data, indent=1) + "\n")  # in its own order, which is that of the page
            self._note(path)

    def _beside(self, column: str) -> Path:
        """Return the results folder of a column; a changed profile has its own column, as it has its own folder."""
        _, changed, hash = self.profile.name.partition("~")
        return results_root() / f"{column}{changed}{hash}"

    def _note(self, path: Path) -> Path:
        note_written(self.profile.name, self.notebook.split("_")[0], path)
        return path


def start(notebook: str, profile: str, seeds: int | None = None, device: str = "auto") -> Session:
    """Open a session and print one line that names its notebook, profile, seeds and device; on a user's own data, print
    another line about what became of every entry of the folder.

    notebook: file name without suffix, such as "10_monosemanticity". profile: a name in profiles/, or "NAME key=value
    ...". seeds: use only the first n seeds of the profile. device: "auto" takes the profile's, and where that is "auto"
    too, CUDA if there is any.

    Examples
    --------
    >>> import lib
    >>> session = lib.start("02_dictionaries", "scenes", device="cpu")
    companion · notebook 02 · profile scenes · seeds 0 1 2 3 4 · ...
    >>> session.seeds, session.profile.sae.k, session.world.name
    ([0, 1, 2, 3, 4], 8, 'scenes')
    """
    where = _repository(Path.cwd())
    session = open_session(notebook, load_profile(profile, seeds=seeds), device)
    use_style()
    note_started(session.profile.name, notebook.split("_")[0])
    number, name = notebook.split("_")[0], session.profile.name
    shown = " ".join(str(seed) for seed in session.seeds)
    print(f"companion · notebook {number} · profile {name} · seeds {shown} · device: {session.device}{where}")
    if session.profile.world.startswith("own-") and (tally := session.world.tally()) is not None:
        print(tally.line())
    return session


def _repository(folder: Path) -> str:
    """Say whose library this is, where a notebook is outside its repository; one in another repository is refused."""
    folders = (folder.resolve(), *folder.resolve().parents)
    home = next((one for one in folders if (one / "lib" / "worlds" / "session.py").is_file()), None)
    if home is not None and home != ROOT:
        raise CompanionError(
            f"this notebook is of {home}, and its kernel runs the library of {ROOT}; choose the kernel of {home}"
        )
    return "" if home else f" · library: {ROOT}"


def open_session(notebook: str, profile: Profile, device: str = "auto", stand_in: World | None = None) -> Session:
    """Open a session without printing anything, for commands. stand_in: a world in place of the profile's."""
    chosen = _find_device(profile.device if device == "auto" else device)
    return Session(profile, notebook, chosen, results_root() / profile.name, stand_in)


def _find_device(name: str) -> str:
    import torch

    if name not in DEVICES:
        raise CompanionError(f"device {name!r} is not one of {', '.join(DEVICES)}")
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise NotAvailable("device cuda: torch sees no GPU here; use device cpu or auto")
    return ("cuda" if found else "cpu") if name == "auto" else name
