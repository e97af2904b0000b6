"""The figures of docs/: small, and with the text alternative that the page gives them."""

from __future__ import annotations

import re

from PIL import Image

from lib.base.files import ROOT

FIGURE = ROOT / "docs" / "figures" / "first_look.png"


def test_the_readme_says_what_its_first_figure_shows() -> None:
    found = re.search(
        r"!\[([^\]]+)\]\(docs/figures/first_look\.png\)", (ROOT / "README.md").read_text(encoding="utf-8")
    )
    with Image.open(FIGURE) as image:
        assert found is not None and found[1] == image.info["Description"], "run `python docs/figures/first_look.py`"
    assert FIGURE.stat().st_size < 300_000
