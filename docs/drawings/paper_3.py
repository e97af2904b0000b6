"""The drawing of paper 3: why a dictionary splits."""

from __future__ import annotations

from drawing import Drawing


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
