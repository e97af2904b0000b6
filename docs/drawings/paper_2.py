"""The drawing of paper 2: VL-SAE."""

from __future__ import annotations

from drawing import Drawing


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
