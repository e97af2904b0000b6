"""The explorer as one file: `python -m lib explorer` makes it, and keeps it in the cache."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lib.base.files import cached, write_atomic
from lib.worlds.freshness import explorer_key
from lib.worlds.profiles import Profile

PAGE = "explorer.html"


def write_explorer(profile: Profile, file: Path) -> str:
    """Write the pages of notebook 80 as one HTML file; what they need is trained first, or found in the cache."""
    folder = cached("explorer", explorer_key(profile), partial(_make, profile))
    write_atomic(file, (folder / PAGE).read_bytes())
    return f"{file}, {file.stat().st_size / 1e6:.1f} MB; open it in a browser"


def _make(profile: Profile, folder: Path) -> None:
    from lib.apps.explorer import explore
    from lib.apps.explorer.explorer_page import explorer_data, read_pictures, render_explorer
    from lib.papers.p2.two_tower_dictionaries import VL_SAE, fit_two_tower_arm
    from lib.worlds.session import open_session  # these need torch, for which the site should not wait

    session = open_session("80_explorer", profile)
    concepts = explore.Concepts(session, fit_two_tower_arm(session, VL_SAE, session.seeds[0]))
    data = explorer_data(concepts, explore.Edits(session), explore.Steering(session), asked=["a red cat"])
    write_atomic(folder / PAGE, render_explorer(data, read_pictures(data, session.world)))
