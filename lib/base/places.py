"""The folders that runs read and write: notebooks, profiles, results, and notes on what is up to date."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lib.base.errors import CompanionError
from lib.base.files import ROOT, cache_root

if TYPE_CHECKING:
    from nbformat import NotebookNode

NOTEBOOKS = ROOT / "notebooks"
PROFILES = ROOT / "profiles"
MODELS = ROOT / "lib" / "encoders" / "models"
"""The shipped models, one folder each; loaders know them by the folder's name."""


def results_root() -> Path:
    """Return the folder of results, with one folder per profile: `COMPANION_RESULTS`, or `results/` here."""
    return Path(os.environ.get("COMPANION_RESULTS") or ROOT / "results").expanduser().resolve()


def data_root() -> Path | None:
    """Return the reader's own data folder, `COMPANION_DATA`, or None if that is not set."""
    value = os.environ.get("COMPANION_DATA")
    if not value:
        return None
    root = Path(value).expanduser().resolve()
    if not root.is_dir():
        raise CompanionError(f"COMPANION_DATA is {value}, which is not a folder; correct it or unset it")
    return root


def fix_places() -> None:
    """Make the folders that COMPANION_CACHE, COMPANION_RESULTS and COMPANION_DATA name absolute, in the environment.

    Commands do this first: kernels and workers inherit the environment, but work in other folders.
    """
    for name in ("COMPANION_CACHE", "COMPANION_RESULTS", "COMPANION_DATA"):
        if value := os.environ.get(name):
            os.environ[name] = str(Path(value).expanduser().resolve())


def runs_folder(profile: str) -> Path:
    """Return the folder of notes on a profile's runs, such as their durations.

    It is part of the cache, since `results/` holds nothing that varies from run to run.
    """
    return cache_root() / "runs" / profile


def find_notebook(number: str, notebooks: Path = NOTEBOOKS) -> Path:
    """Return the path of the notebook `NN_name.ipynb` with a two-digit number such as "10"."""
    found = re.fullmatch("[0-9]{2}", number) and sorted(notebooks.glob(f"{number}_*.ipynb"))
    if found and len(found) == 1:
        return found[0]
    if found:
        raise CompanionError(f"two notebooks have the number {number} ({found[0].name}, {found[1].name}); rename one")
    known = " ".join(notebook_number(path) for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")))
    raise CompanionError(f"there is no notebook {number}; known: {known or 'none'}")


def notebook_number(path: Path) -> str:
    """Return the number of a notebook from its file name: "10" for `10_monosemanticity.ipynb`."""
    return path.name.split("_", 1)[0]


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook as format 4; a file that is not a notebook is an error of one line."""
    import nbformat  # takes over a second, and every command imports this file

    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise CompanionError(f"there is no notebook {path.name}") from None
    except Exception as error:  # nbformat raises whatever its parsers raise
        raise CompanionError(f"notebook {path.name} is not readable ({type(error).__name__}: {error})") from None
