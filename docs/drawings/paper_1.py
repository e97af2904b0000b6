"""The drawings of paper 1: the Monosemanticity Score, and steering."""

from __future__ import annotations

from drawing import Drawing


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
