"""The explorer's page: `python -m lib explorer` makes it and keeps it in the cache, and the static site shows it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lib.base.files import cache_folder, cached, in_cache, write_atomic
from lib.worlds.freshness import explorer_key
from lib.worlds.profiles import Profile

PAGE = "explorer.html"


def write_explorer(profile: Profile, file: Path) -> str:
    """Write the pages of notebook 80 as one HTML file; what they need is trained first, or found in the cache."""
    folder = cached("explorer", explorer_key(profile), partial(_make, profile))
    write_atomic(file, (folder / PAGE).read_bytes())
    return f"{file}, {file.stat().st_size / 1e6:.1f} MB; open it in a browser"


def read_explorer(profile: Profile) -> str | None:
    """Read the page from the cache; None if this version of the library has not made it."""
    key = explorer_key(profile)
    return (cache_folder("explorer", key) / PAGE).read_text(encoding="utf-8") if in_cache("explorer", key) else None


def _make(profile: Profile, folder: Path) -> None:
    from lib.apps.explorer import explore
    from lib.apps.explorer.explorer_page import render_explorer
    from lib.papers.p2.two_tower_dictionaries import VL_SAE, fit_two_tower_arm
    from lib.worlds.session import open_session  # these need torch, for which the site should not wait

    session = open_session("80_explorer", profile)
    concepts = explore.Concepts(session, fit_two_tower_arm(session, VL_SAE, session.seeds[0]))
    html = render_explorer(concepts, explore.Edits(session), explore.Steering(session), asked=["a red cat"])
    write_atomic(folder / PAGE, html)
