"""The explorer within the site, from what notebook 80 wrote: its pictures are files that load when they are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lib.apps.site.markdown_html import markdown_html
from lib.base.places import results_root
from lib.worlds.profiles import load_profile

if TYPE_CHECKING:
    from lib.worlds.world import World

PROFILE, DATA = "scenes", "80_explorer.json"
"""The profile whose explorer is shown, and the file of its results that says what is on it."""

PICTURES = "figures/explorer/{}.webp"
"""Where the site keeps a picture of the explorer."""

NO_EXPLORER = """# Explorer

What it shows is not among the results here. This makes it, in a minute or two where notebooks 12, 20 and 40 have run,
and in some more where it first has to train:

    .venv/bin/python -m lib run 80

Then write the site anew (`make html`). [Notebook 80](notebooks/80_explorer.ipynb) shows some of what is on it.
"""


def explorer_body() -> tuple[str, dict[str, bytes]]:
    """Return the explorer's own text, style and script, and its pictures by their place in the site."""
    file = results_root() / PROFILE / DATA
    if not file.is_file():
        return markdown_html(NO_EXPLORER), {}
    from lib.apps.explorer.explorer_page import picture_name, read_pictures, render_explorer  # these import torch

    data = json.loads(file.read_text(encoding="utf-8"))
    pictures = read_pictures(data, _world())
    html = render_explorer(data, pictures, PICTURES)
    style, text, script = (
        html.split(f"<{begin}>", 1)[1].split(f"</{end}>", 1)[0]
        for begin, end in (("style", "style"), ("main", "main"), ("/main", "body"))
    )
    files = {PICTURES.format(picture_name(key)): shown.webp for key, shown in pictures.items()}
    return f"<style>main {{ {style} }}</style>{text}{script}", files


def _world() -> World:
    from lib.worlds.open_world import open_world

    return open_world(load_profile(PROFILE))
