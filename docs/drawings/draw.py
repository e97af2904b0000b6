"""The drawings of the methods, as SVG: `python docs/drawings/draw.py` writes them next to this file.

The files beside it make them, one for the first notebooks and one for each paper; `drawing.py` has what all share.
"""

from __future__ import annotations

from pathlib import Path

from paper_1 import hook, score
from paper_2 import one_encoder
from paper_3 import two_arrows
from paper_4 import mask
from start import companion, dictionary, gap

HERE = Path(__file__).parent

DRAWINGS = (companion, dictionary, score, hook, one_encoder, two_arrows, gap, mask)
"""All drawings; each is stored under the name of its function."""


if __name__ == "__main__":
    for draw in DRAWINGS:
        (HERE / f"{draw.__name__}.svg").write_text(draw().svg(), encoding="utf-8")
