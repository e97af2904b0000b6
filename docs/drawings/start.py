"""The drawings of the first notebooks: the companion, the modality gap and a sparse autoencoder."""

from __future__ import annotations

from drawing import Drawing


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
