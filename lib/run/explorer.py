"""The explorer's page: made by `python -m lib explorer`, kept in the cache, and from then on in the static site."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lib.data.files import cache_folder, cached, in_cache, write_atomic
from lib.run.freshness import explorer_key
from lib.run.profiles import Profile

PAGE = "explorer.html"


def explorer(profile: Profile, file: Path) -> str:
    """Write the pages of notebook 80 as one HTML file; what it takes is trained first, or found in the cache."""
    folder = cached("explorer", explorer_key(profile), partial(_make, profile))
    write_atomic(file, (folder / PAGE).read_bytes())
    return f"{file}, {file.stat().st_size / 1e6:.1f} MB; open it in a browser"


def kept_explorer(profile: Profile) -> str | None:
    """The page, if this version of the library has made it."""
    key = explorer_key(profile)
    return (cache_folder("explorer", key) / PAGE).read_text(encoding="utf-8") if in_cache("explorer", key) else None


def _make(profile: Profile, folder: Path) -> None:
    from lib.run.start import open_session  # these need torch, for which the site should not wait
    from lib.run.studies import explore, vl_concepts
    from lib.run.studies.explorer_page import explorer_page

    session = open_session("80_explorer", profile)
    concepts = explore.Concepts(session, vl_concepts.fit(session, vl_concepts.UNIFIED, session.seeds[0]))
    html = explorer_page(concepts, explore.Edits(session), explore.Steering(session), asked=["a red cat"])
    write_atomic(folder / PAGE, html)
