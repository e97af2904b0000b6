"""Where runs read and write: the notebooks, the results, and the notes that say what is up to date."""

from __future__ import annotations

import os
import re
from pathlib import Path

from lib.data.errors import CompanionError
from lib.data.files import ROOT, cache_root

NOTEBOOKS = ROOT / "notebooks"
PROFILES = ROOT / "profiles"


def results_root() -> Path:
    """`COMPANION_RESULTS`, or `results/` in the repository; one folder a profile in it."""
    return Path(os.environ.get("COMPANION_RESULTS") or ROOT / "results").expanduser().resolve()


def runs_folder(profile: str) -> Path:
    """Notes on a profile's runs, durations among them: in the cache, since results/ holds nothing that varies."""
    return cache_root() / "runs" / profile


def find_notebook(number: str, notebooks: Path = NOTEBOOKS) -> Path:
    """The notebook `NN_name.ipynb` of a number such as "10"; two digits, so that nothing else is looked for."""
    found = re.fullmatch("[0-9]{2}", number) and sorted(notebooks.glob(f"{number}_*.ipynb"))
    if found and len(found) == 1:
        return found[0]
    if found:
        raise CompanionError(f"two notebooks have the number {number} ({found[0].name}, {found[1].name}); rename one")
    known = " ".join(notebook_number(path) for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")))
    raise CompanionError(f"there is no notebook {number}; known: {known or 'none'}")


def notebook_number(path: Path) -> str:
    """The number of `10_monosemanticity.ipynb` is "10"."""
    return path.name.split("_", 1)[0]
