"""The drawings of the methods, as SVG: `python docs/drawings/draw.py` writes them next to this file.

Each stands on a light card of its own, so that it is legible on a dark page as well. One colour per role: blue for what
a method computes, orange for what it changes, green for pictures, violet for text, grey for what is given.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

HERE = Path(__file__).parent

INK = "#22303c"
ROLES = {
    "method": ("#d6e9f8", "#0173b2"),
    "edit": ("#fbe3d2", "#d55e00"),
    "picture": ("#d5f0e6", "#029e73"),
    "text": ("#ecdff3", "#8f4bb0"),
    "given": ("#eceff1", "#6b7780"),
}
"""Role to the fill and the line of what has it."""


class Drawing:
    """A card to draw on; the unit is a pixel, and the origin the upper left corner."""

    def __init__(self, width: int, height: int, title: str, description: str) -> None:
        self.size = width, height
        self.head = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
        self.parts: list[str] = []

    def text(self, x: float, y: float, text: str, size: int = 14, role: str = "", anchor: str = "middle") -> None:
        """One line of text, centred at a point or beginning there."""
        colour = ROLES[role][1] if role else INK
        look = f'font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
        base = y + 0.35 * size  # of the letters; not every viewer knows how to centre them itself
        self.parts.append(f'<text x="{x:g}" y="{base:g}" {look}>{escape(text)}</text>')

    def box(self, x: float, y: float, width: float, height: float, text: str, role: str = "given") -> None:
        """A rounded box with lines of text."""
        fill, line = ROLES[role]
        shape = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8"'
        self.parts.append(f'<rect {shape} fill="{fill}" stroke="{line}" stroke-width="1.5"/>')
        lines = text.split("\n")
        for place, one in enumerate(lines):
            self.text(x + width / 2, y + height / 2 + 18 * (place - (len(lines) - 1) / 2), one)

    def arrow(self, x: float, y: float, to_x: float, to_y: float, role: str = "", dashed: bool = False) -> None:
        """A straight arrow."""
        name, colour = (role or "ink"), (ROLES[role][1] if role else INK)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        ends = f'x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}"'
        self.parts.append(f'<line {ends} stroke="{colour}" stroke-width="2"{dash} marker-end="url(#{name})"/>')

    def line(self, x: float, y: float, to_x: float, to_y: float, role: str = "given", dashed: bool = True) -> None:
        """A line without a head."""
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        ends = f'x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}"'
        self.parts.append(f'<line {ends} stroke="{ROLES[role][1]}" stroke-width="1.5"{dash}/>')

    def dot(self, x: float, y: float, role: str, radius: float = 6, opacity: float = 1) -> None:
        """A point with a colour."""
        look = f'fill="{ROLES[role][1]}" fill-opacity="{opacity:g}"'
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" {look}/>')

    def bars(self, x: float, y: float, values: Iterable[float], role: str = "method", height: float = 60) -> None:
        """A vector as bars on a base line at `y`; a value of 1 is `height` high, and zeros are short ticks."""
        for place, value in enumerate(values):
            tall = max(2.0, value * height)
            colour = ROLES[role][1] if value else "#b5bec5"
            at = f'x="{x + 12 * place:g}" y="{y - tall:g}" width="8" height="{tall:g}"'
            self.parts.append(f'<rect {at} fill="{colour}"/>')

    def svg(self) -> str:
        """The whole file."""
        width, height = self.size
        heads = {"ink": INK, **{name: line for name, (_, line) in ROLES.items()}}
        markers = "".join(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{colour}"/></marker>'
            for name, colour in heads.items()
        )
        card = f'<rect width="{width}" height="{height}" rx="12" fill="#ffffff" stroke="#d0d7de"/>'
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" font-family="DejaVu Sans, Verdana, sans-serif">{self.head}\n<defs>{markers}</defs>\n{card}\n'
            f"{body}\n</svg>\n"
        )


def companion() -> Drawing:
    """What the four papers do with one sparse code."""
    d = Drawing(
        880,
        400,
        "Four papers, one sparse code",
        "A picture and its caption go through the two towers of CLIP. A sparse autoencoder turns the "
        "embedding into a few active latents and back. Paper 1 scores latents and clamps them, paper 2 uses "
        "one set of latents for both towers, paper 3 keeps the codes of a pair alike, and paper 4 lets the "
        "caption choose which latents to keep.",
    )
    d.box(20, 60, 110, 60, "picture", "picture")
    d.box(20, 190, 110, 60, "caption", "text")
    d.box(170, 60, 120, 60, "image tower")
    d.box(170, 190, 120, 60, "text tower")
    for y in (90, 220):
        d.arrow(130, y, 168, y)
        d.arrow(290, y, 338, y)
    d.box(340, 60, 110, 60, "embedding", "picture")
    d.box(340, 190, 110, 60, "embedding", "text")
    d.box(500, 110, 120, 90, "sparse\nautoencoder", "method")
    d.arrow(450, 95, 498, 138)
    d.arrow(450, 215, 498, 172)
    d.arrow(620, 155, 672, 155)
    d.bars(680, 190, (0, 0, 0.9, 0, 0, 0.5, 0, 0, 0, 0.7, 0, 0))
    d.text(750, 210, "code: a few active latents", 13)
    notes = (
        (20, "1  Is a latent one concept? Score it, then clamp it inside a language model.", "method"),
        (20, "2  One set of latents that both towers share, for naming and for fewer hallucinations.", "picture"),
        (450, "3  Keep the codes of a picture and its caption alike, or the dictionary splits.", "text"),
        (450, "4  Let the caption choose which latents of a picture to keep, then search.", "edit"),
    )
    for place, (x, note, role) in enumerate(notes):
        words, half = note[3:].split(" "), len(note[3:]) / 2
        first = next(i for i in range(len(words)) if len(" ".join(words[: i + 1])) >= half) + 1
        y = 290 + 55 * (place % 2)
        d.text(x, y, note[:1], 22, role, "start")
        d.text(x + 24, y - 9, " ".join(words[:first]), 13, "", "start")
        d.text(x + 24, y + 9, " ".join(words[first:]), 13, "", "start")
    d.text(440, 28, "Four papers, one sparse code", 17)
    return d


def dictionary() -> Drawing:
    """A sparse autoencoder."""
    d = Drawing(
        820,
        230,
        "A sparse autoencoder",
        "A dense embedding x of d numbers is multiplied by the encoder, all but the K largest activations are "
        "set to zero, and the decoder adds up K directions to a reconstruction of x. Training makes the "
        "squared difference small.",
    )
    d.text(410, 24, "A sparse autoencoder: many latents, few of them active", 16)
    d.bars(30, 130, (0.6, 0.3, 0.8, 0.5, 0.4, 0.7), "picture")
    d.text(90, 150, "x: d numbers, all active", 12)
    d.arrow(112, 100, 158, 100)
    d.box(160, 70, 110, 60, "encoder\nW x + b", "method")
    d.arrow(270, 100, 308, 100)
    d.box(310, 70, 110, 60, "keep the K\nlargest", "method")
    d.arrow(420, 100, 458, 100)
    d.bars(466, 130, (0, 0.9, 0, 0, 0, 0.6, 0, 0, 0.4, 0))
    d.text(524, 150, "z: many latents, K active", 12)
    d.arrow(594, 100, 628, 100)
    d.box(630, 70, 100, 60, "decoder\nD z + c", "method")
    d.arrow(730, 100, 758, 100)
    d.text(782, 100, "x̂", 20)
    d.line(64, 162, 64, 195, dashed=False)
    d.line(782, 118, 782, 195, dashed=False)
    d.line(64, 195, 782, 195)
    d.text(420, 212, "training makes |x − x̂|² small; each column of D is the direction of one latent", 13)
    return d


def score() -> Drawing:
    """The Monosemanticity Score."""
    d = Drawing(
        820,
        300,
        "The Monosemanticity Score",
        "A latent answers to pictures with activations. An independent judge embeds the same pictures. The "
        "score is the mean cosine of pairs of pictures by the judge, each pair weighted by the product of its "
        "two activations.",
    )
    d.text(410, 24, "The Monosemanticity Score: are the pictures that a latent likes alike?", 16)
    d.text(140, 62, "pictures, and how strongly", 13)
    d.text(140, 80, "the latent answers (a)", 13)
    for place, (name, value) in enumerate((("dog", 0.9), ("dog", 0.8), ("dog", 0.6), ("car", 0.1), ("tree", 0.0))):
        y = 112 + 34 * place
        d.text(60, y, name, 13, "picture")
        d.parts.append(f'<rect x="95" y="{y - 7}" width="{max(2, value * 110):g}" height="14" fill="#0173b2"/>')
        d.text(230, y, f"{value:g}", 13)
    d.arrow(270, 180, 318, 180)
    d.text(430, 62, "the judge, an encoder that took", 13)
    d.text(430, 80, "no part in training, places them", 13)
    d.line(330, 270, 530, 270, dashed=False)
    d.line(330, 270, 330, 100, dashed=False)
    for x, y, size, name in (
        (470, 130, 12, ""),
        (490, 148, 11, ""),
        (455, 152, 9, ""),
        (380, 215, 4, "car"),
        (500, 250, 2, "tree"),
    ):
        d.dot(x, y, "method", size, 0.8)
        d.text(x + 8, y + 14, name, 11, "given", "start")
    d.text(500, 112, "dogs", 12, "picture")
    d.arrow(550, 180, 598, 180)
    d.box(600, 110, 200, 60, "Σ aₙ aₘ cos(eₙ, eₘ)\n÷  Σ aₙ aₘ", "method")
    d.text(700, 195, "high: one theme", 13)
    d.text(700, 215, "at chance: any pictures", 13)
    d.text(700, 245, "pairs count by how strongly", 12, "given")
    d.text(700, 262, "the latent answers to both", 12, "given")
    return d


def hook() -> Drawing:
    """Where steering acts in a multimodal language model."""
    d = Drawing(
        860,
        270,
        "Steering a multimodal language model",
        "A picture runs through the layers of the vision tower. After one of them a hook encodes every token "
        "with the dictionary, sets one latent to a value, decodes, and hands the changed tokens on, through "
        "the projector, to the language model, which answers a question.",
    )
    d.text(430, 24, "Where steering acts: a hook between two layers of the vision tower", 16)
    d.box(20, 70, 80, 50, "picture", "picture")
    for place, name in enumerate(("layers\n1 to l", "layers\nafter l", "projector", "language\nmodel")):
        x = (140, 400, 540, 680)[place]
        d.box(x, 65, 110, 60, name)
    d.arrow(100, 95, 138, 95)
    d.arrow(250, 95, 398, 95, dashed=True)
    d.arrow(510, 95, 538, 95)
    d.arrow(650, 95, 678, 95)
    d.arrow(790, 95, 820, 95)
    d.text(838, 88, "“a red", 12)
    d.text(838, 104, "star”", 12)
    d.box(200, 175, 100, 60, "encode\neach token", "method")
    d.box(330, 175, 110, 60, "clamp latent k\nto a value", "edit")
    d.box(470, 175, 100, 60, "decode", "method")
    d.arrow(300, 205, 328, 205)
    d.arrow(440, 205, 468, 205)
    d.arrow(270, 100, 250, 173, "edit")
    d.arrow(520, 173, 388, 100, "edit")
    d.text(720, 170, "the question stays the same:", 12, "given")
    d.text(720, 187, "“What is in the picture?”", 12, "given")
    d.text(720, 214, "only the picture's tokens change", 12, "given")
    return d


def one_encoder() -> Drawing:
    """VL-SAE: one encoder by distance, two decoders."""
    d = Drawing(
        840,
        290,
        "VL-SAE: one encoder, two decoders",
        "Two small autoencoders bring image and text embeddings into one space. One encoder measures there "
        "how near each embedding is to each latent, so that both towers have the same concepts. Each tower "
        "has a decoder of its own.",
    )
    d.text(420, 24, "VL-SAE: one encoder, so one set of concepts; two decoders, for two clouds", 16)
    for y, role, name in ((60, "picture", "image embedding"), (200, "text", "text embedding")):
        d.box(20, y, 140, 50, name, role)
        d.arrow(160, y + 25, 188, y + 25)
        d.box(190, y, 120, 50, "align", "method")
        d.box(660, y, 160, 50, f"{'image' if y == 60 else 'text'} decoder", role)
    d.arrow(310, 85, 358, 135)
    d.arrow(310, 225, 358, 175)
    d.box(360, 110, 150, 90, "one encoder:\n√2 − distance to\neach latent, top K", "method")
    d.arrow(510, 155, 548, 155)
    d.bars(552, 172, (0, 0.9, 0, 0.5, 0, 0, 0.7), height=44)
    d.text(592, 192, "code", 13)
    d.arrow(634, 140, 658, 100)
    d.arrow(634, 170, 658, 210)
    d.text(
        420,
        274,
        "SAE-S has one encoder that multiplies; SAE-D has two encoders, and so two sets of concepts",
        12,
        "given",
    )
    return d


def two_arrows() -> Drawing:
    """Why a dictionary splits: two directions for one concept."""
    d = Drawing(
        900,
        330,
        "Why a dictionary splits",
        "A concept has one direction in images and another in texts. One latent for both must point along the "
        "bisector, and loses what is at right angles to it; two latents lose nothing, so reconstruction alone "
        "prefers to split. A penalty on codes that differ within a pair makes sharing cheaper.",
    )
    d.text(450, 24, "Why a dictionary splits: one concept, two directions", 16)
    ox, oy = 150, 280
    d.arrow(ox, oy, 90, 90, "picture")
    d.arrow(ox, oy, 300, 110, "text")
    d.arrow(ox, oy, 193, 82, "method", dashed=True)
    d.text(86, 74, "the concept in pictures", 12, "picture")
    d.text(318, 96, "the concept in texts", 12, "text")
    d.text(203, 62, "bisector", 12, "method")
    d.line(90, 90, 187, 111, "edit")
    d.line(300, 110, 191, 92, "edit")
    d.text(150, 122, "lost", 12, "edit")
    d.text(250, 120, "lost", 12, "edit")
    d.text(ox, 300, "0", 12)
    rows = (
        (
            "two latents",
            "each along its own arrow: nothing is lost,",
            "but a pair has two codes that never meet",
            "given",
        ),
        ("one shared latent", "along the bisector: one code per pair,", "and the remainders are lost", "method"),
        (
            "λ decides",
            "a group norm charges for codes that differ;",
            "from λ* on, sharing is the cheaper of the two",
            "edit",
        ),
    )
    for place, (name, first, second, role) in enumerate(rows):
        y = 90 + 78 * place
        d.box(410, y - 28, 130, 54, name, role)
        d.text(556, y - 9, first, 12, "", "start")
        d.text(556, y + 9, second, 12, "", "start")
    return d


def gap() -> Drawing:
    """The modality gap."""
    d = Drawing(
        840,
        300,
        "The modality gap",
        "On the unit sphere, CLIP's image embeddings and text embeddings form two separate clouds. Pairs are "
        "nearest to each other across the gap, yet any two pictures are nearer than a picture and its "
        "caption. The gap is the difference of the two means.",
    )
    d.text(390, 24, "The modality gap: two clouds that do not touch", 16)
    shift_x, shift_y = 210, 70
    places = ((110, 110), (150, 86), (175, 130), (130, 160), (205, 105), (165, 175))
    for x, y in places:
        d.line(x, y, x + shift_x, y + shift_y)
        d.dot(x, y, "picture", 7)
        d.dot(x + shift_x, y + shift_y, "text", 7)
    d.arrow(156, 128, 362, 196, "edit")
    d.text(120, 58, "pictures", 14, "picture")
    d.text(370, 272, "captions", 14, "text")
    d.text(480, 78, "orange: the gap, from mean to mean", 13, "edit", "start")
    d.text(480, 100, "dashed: a picture and its caption", 13, "given", "start")
    d.text(480, 130, "As a rule two pictures are nearer to each", 13, "", "start")
    d.text(480, 148, "other than a picture is to its own caption.", 13, "", "start")
    d.text(480, 178, "Retrieval still works: among the captions,", 13, "", "start")
    d.text(480, 196, "its own is the nearest.", 13, "", "start")
    return d


def mask() -> Drawing:
    """TEVI: a caption chooses latents."""
    d = Drawing(
        860,
        290,
        "Editing an embedding by a caption",
        "The picture's embedding is encoded into a sparse code. A small network reads the caption and gives "
        "each latent a factor between 0 and 1. The product is decoded, and what the dictionary could not "
        "explain is added back. The edited embedding keeps what the caption speaks of.",
    )
    d.text(430, 24, "Text-conditioned editing: the caption chooses which latents to keep", 16)
    d.box(20, 60, 130, 50, "image\nembedding", "picture")
    d.box(20, 190, 130, 50, "caption", "text")
    d.arrow(150, 85, 188, 85)
    d.box(190, 60, 90, 50, "encode", "method")
    d.arrow(280, 85, 308, 85)
    d.bars(312, 108, (0.8, 0, 0.6, 0.9, 0, 0.5, 0.7), height=50)
    d.text(352, 126, "code", 12)
    d.arrow(150, 215, 188, 215)
    d.box(190, 190, 90, 50, "masker", "edit")
    d.arrow(280, 215, 308, 215)
    d.bars(312, 238, (1, 0.9, 0.1, 1, 0.2, 0.1, 0.9), "edit", 50)
    d.text(352, 256, "mask, 0 to 1", 12)
    d.arrow(400, 95, 448, 140)
    d.arrow(400, 210, 448, 165)
    d.text(466, 152, "×", 26)
    d.arrow(484, 152, 512, 152)
    d.bars(518, 176, (0.8, 0, 0.06, 0.9, 0, 0.05, 0.63), height=50)
    d.text(558, 194, "edited code", 12)
    d.arrow(606, 152, 638, 152)
    d.box(640, 127, 90, 50, "decode", "method")
    d.arrow(730, 152, 758, 152)
    d.text(800, 144, "edited", 13, "picture")
    d.text(800, 162, "embedding", 13, "picture")
    d.line(85, 60, 85, 46, dashed=False)
    d.line(85, 46, 685, 46)
    d.arrow(685, 46, 685, 125, "given")
    d.text(560, 62, "plus what the dictionary did not explain", 12, "given")
    return d


DRAWINGS = (companion, dictionary, score, hook, one_encoder, two_arrows, gap, mask)
"""All drawings; each is stored under the name of its function."""


if __name__ == "__main__":
    for draw in DRAWINGS:
        (HERE / f"{draw.__name__}.svg").write_text(draw().svg(), encoding="utf-8")
