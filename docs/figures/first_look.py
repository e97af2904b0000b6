"""The README's first figure: `python docs/figures/first_look.py` writes it next to this file, in a minute or two.

Three latents of notebook 12, chosen by hand: an object, a colour, and one that cannot insert what it responds to. Each
row has the training pictures that the latent answers to most, the concept that it is named by, and what the LLaVA says
of an unseen picture without and with the latent clamped, as `results/scenes/12_answers.csv` has it. The text
alternative is stored in the file, and `tests/test_figures.py` compares the README with it.
"""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lib.base.files import write_atomic
from lib.base.places import results_root
from lib.papers.p1.n12_steering import PATCH_PICTURES, draw_latents, patch_tokens
from lib.report.figures import use_style
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

FIGURE = Path(__file__).with_suffix(".png")

CHOSEN = {3: "clamp, 4", 1: "clamp, 1", 7: "clamp, 4"}
"""Number of a latent in `12_answers.csv` to the arm whose answer is shown."""

SEED, TOP = 0, 4
"""Seed of the dictionary whose latents notebook 12 prints, and pictures per latent."""

WINDOW = 32
"""Pixels of a picture that are shown around the patch."""

SIZE, SIDE, ROW, LEFT, NAME, WORDS = (10.2, 5.5), 1.0, 1.7, 0.1, 4.95, 6.62
"""In inches: the figure, a picture, a row, and where pictures, name and words begin or are centred."""

INK, GREY, HOT = "#22303c", "#5b6770", "#b34700"


def main() -> None:
    """Write the figure and, inside it, its text alternative."""
    session = open_session("12_steering", load_profile("scenes"))
    drawn, patches = draw_latents(session, SEED), patch_tokens(session)
    codes = drawn.sae.codes(patches).csr().tocsc()
    answers = pd.read_csv(results_root() / "scenes" / "12_answers.csv")
    use_style()
    fig = plt.figure(figsize=SIZE, layout="none")
    heads = {
        LEFT: "the patches that a latent answers to most",
        NAME - 0.35: "its name",
        WORDS - SIDE - 0.1: "what the LLaVA says",
    }
    for x, title in heads.items():
        write(fig, x, 0.28, title, color=GREY, va="baseline")
    said = []
    for row, (number, arm) in enumerate(CHOSEN.items()):
        activation = codes[:, drawn.latent[number - 1]].toarray().reshape(PATCH_PICTURES, -1)
        draw_patches(fig, row, session, activation)
        said.append(draw_answers(fig, row, session, answers[answers.number == number], arm))
    save(fig, " ".join(said))


def draw_patches(fig: Figure, row: int, session: Session, activation: np.ndarray) -> None:
    """Draw the patches with the largest activations, one per picture. activation: (pictures, patches)."""
    images, side = session.world.pictures("train"), round(activation.shape[1] ** 0.5)
    for place, best in enumerate(np.argsort(-activation.max(axis=1), kind="stable")[:TOP]):
        image, patch = images[int(best)], images[int(best)].width // side
        y, x = (patch * int(one) for one in divmod(activation[best].argmax(), side))
        left, top = (min(max(one + patch // 2 - WINDOW // 2, 0), image.width - WINDOW) for one in (x, y))
        ax = show(fig, LEFT + place * (SIDE + 0.08), row, image.crop((left, top, left + WINDOW, top + WINDOW)))
        corner = x - left - 0.5, y - top - 0.5
        ax.add_patch(Rectangle(corner, patch, patch, fill=False, edgecolor="black", linewidth=2))


def draw_answers(fig: Figure, row: int, session: Session, answers: pd.DataFrame, arm: str) -> str:
    """Draw name, picture and answers of one latent, and return them as a sentence. answers: those of the latent."""
    picture, concept = answers.picture.iloc[0], answers.concept.iloc[0]
    plain, clamped = (answers.answer[answers.arm == one].item() for one in ("plain", arm))
    named = concept in clamped
    top = 0.42 + row * ROW
    write(fig, NAME, top + SIDE / 2, concept.replace(" ", "\n"), ha="center", va="center", fontsize=16, weight="bold")
    show(fig, WORDS - SIDE - 0.1, row, session.world.pictures("test")[int(picture)])
    write(fig, WORDS, top - 0.05, "plain", color=GREY, weight="bold")
    write(fig, WORDS, top + 0.13, textwrap.fill(plain, 44), fontsize=10.5)
    write(
        fig, WORDS, top + 0.79, "clamped" if named else f"clamped: “{concept}” does not come", color=HOT, weight="bold"
    )
    write(fig, WORDS, top + 0.97, textwrap.fill(clamped, 44), fontsize=10.5)
    ends = "" if named else ", which does not name it"
    return f"Latent “{concept}”: the LLaVA says “{plain}”; with the latent clamped, “{clamped}”{ends}."


def show(fig: Figure, left: float, row: int, image: Image.Image) -> Axes:
    """Draw a picture, its pixels as they are, and return its axes. left: in inches."""
    bottom = SIZE[1] - (0.42 + row * ROW) - SIDE
    ax = fig.add_axes((left / SIZE[0], bottom / SIZE[1], SIDE / SIZE[0], SIDE / SIZE[1]))
    ax.imshow(np.asarray(image), interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    return ax


def write(fig: Figure, x: float, y: float, words: str, **look: Any) -> None:
    """Write words, by default to the right of and below a point. x, y: in inches from the upper left corner."""
    place = x / SIZE[0], 1 - y / SIZE[1]
    fig.text(*place, words, **({"ha": "left", "va": "top", "fontsize": 11, "color": INK, "linespacing": 1.15} | look))


def save(fig: Figure, words: str) -> None:
    """Write the figure without transparency, which keeps it small."""
    stream, small, note = io.BytesIO(), io.BytesIO(), PngInfo()
    fig.savefig(stream, format="png", dpi=150)
    note.add_itxt("Description", words)
    Image.open(stream).convert("RGB").save(small, "PNG", optimize=True, pnginfo=note)
    write_atomic(FIGURE, small.getvalue())


if __name__ == "__main__":
    main()
