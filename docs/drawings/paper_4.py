"""The drawing of paper 4: TEVI."""

from __future__ import annotations

from drawing import Drawing


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
