"""The first call of every notebook: one profile in, one session out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.data.errors import CompanionError, NotAvailable
from lib.encoders.shim import ensure_torchvision
from lib.report.claims import Claim, write_claim
from lib.report.figures import save_figure, use_style
from lib.report.tables import write_table
from lib.run.freshness import note_written
from lib.run.places import results_root
from lib.run.profiles import Profile, load_profile

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Session:
    """What a notebook works with: its settings, its world, and the one way to write results.

    notebook: file name without suffix. device: "cpu" or "cuda". results: `results/<profile>`; claims lie in its
    folder `claims`, tables and figures beside it.
    """

    profile: Profile
    notebook: str
    device: str
    results: Path

    @property
    def seeds(self) -> list[int]:
        """Seeds of everything that is trained."""
        return self.profile.seeds

    @cached_property
    def world(self) -> Any:
        """Pairs and encoders of the profile, opened when first asked for."""
        from lib.run.worlds import open_world

        return open_world(self.profile)

    def claim(self, claim: Claim) -> None:
        """Write a claim to `claims/<id>.json`."""
        if claim.notebook != self.notebook:
            raise CompanionError(
                f"claim {claim.id} names notebook {claim.notebook!r}, but this one is {self.notebook!r}"
            )
        self._note(write_claim(claim, self.results))

    def table(self, name: str, table: pd.DataFrame, decimals: int) -> Path:
        """Write a table to `<name>.csv`, floats with `decimals` places."""
        return self._note(write_table(table, self.results / f"{name}.csv", decimals))

    def figure(self, fig: Figure, name: str, table: str | None = None) -> Path:
        """Write a figure to `<name>.png`. table: the table of its numbers, by default the one of the same name."""
        source = self.results / f"{table or name}.csv"
        return self._note(save_figure(fig, self.results / f"{name}.png", notebook=self.notebook, table=source))

    def pictures(self, fig: Figure, name: str, table: str | None = None) -> None:
        """`figure`, if it shows the world's pictures and these may be published; else it is only seen."""
        if self.world.keeps_pictures:
            self.figure(fig, name, table)

    def _note(self, path: Path) -> Path:
        note_written(self.profile.name, self.notebook.split("_")[0], path)
        return path


def start(notebook: str, profile: str, seeds: int | None = None, device: str = "auto") -> Session:
    """Open a session and print one line that says on what.

    notebook: file name without suffix, such as "10_monosemanticity". profile: a name in profiles/, or "NAME key=value
    ...". seeds: use only the first n seeds of the profile. device: "auto" takes the profile's, and where that is "auto"
    too, CUDA if there is any.
    """
    session = open_session(notebook, load_profile(profile, seeds=seeds), device)
    ensure_torchvision()
    use_style()
    number, name = notebook.split("_")[0], session.profile.name
    shown = " ".join(str(seed) for seed in session.seeds)
    print(f"companion · notebook {number} · profile {name} · seeds {shown} · device: {session.device}")
    return session


def open_session(notebook: str, profile: Profile, device: str = "auto") -> Session:
    """A session without its greeting, for commands."""
    chosen = _device(profile.device if device == "auto" else device)
    return Session(profile, notebook, chosen, results_root() / profile.name)


def _device(name: str) -> str:
    import torch

    if name not in DEVICES:
        raise CompanionError(f"device {name!r} is not one of {', '.join(DEVICES)}")
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise NotAvailable("device cuda: torch sees no GPU here; use device cpu or auto")
    return ("cuda" if found else "cpu") if name == "auto" else name
