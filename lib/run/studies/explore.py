"""The explorer's pages: what one latent shows, what a caption keeps of pictures, what a clamp makes the LLaVA say.

Each page is a function of a few numbers or a text, so that a slider can call it and a test as well.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.data.errors import CompanionError
from lib.editing.masker import MaskerConfig
from lib.editing.steering import clamp, steered
from lib.metrics.monosemanticity import MonosemanticityScore
from lib.metrics.rows import unit_rows
from lib.report.figures import image_grid
from lib.run.start import Session
from lib.run.studies import steering, text_editing
from lib.run.studies.latents import name_latents
from lib.run.studies.monosemanticity import score
from lib.run.studies.text_editing import Editor, image_side
from lib.run.studies.vl_concepts import FittedPair
from lib.sae.codes import SparseCodes

SHOWN = 8
"""Pictures in a row."""

POOL = 500
"""Test pictures that a caption is compared with."""

EDITOR = "masker + text"


class Concepts:
    """The latents of a dictionary of pairs that have full lists of pictures and captions, by falling score."""

    def __init__(self, session: Session, fitted: FittedPair) -> None:
        self.session, self.fitted = session, fitted
        self.top = fitted.top(SHOWN)
        full = np.flatnonzero((self.top[0].counts == SHOWN) & (self.top[1].counts == SHOWN))
        if not len(full):
            raise CompanionError(f"no latent has {SHOWN} pictures and {SHOWN} captions; train it longer")
        self.latents = full[np.argsort(-self.scores.score[full], kind="stable")]

    @cached_property
    def scores(self) -> MonosemanticityScore:
        """Of the pictures, by the world's first judge."""
        judge = next(iter(self.session.world.judges("test").values()))
        return score(self.fitted.test[0], judge.tower("image"))

    @cached_property
    def names(self) -> dict[int, str]:
        """What latents stand for."""
        return names_of(self.session, self.fitted.test[0])

    @cached_property
    def neighbours(self) -> np.ndarray:
        """(width, width) cosines of the directions that latents write in pictures."""
        rows = unit_rows("decoder", self.fitted.sae.decoder_of("image")[0].detach().numpy())
        return rows @ rows.T

    def facts(self, place: int) -> pd.Series:
        """What is known of the latent at a place of `latents`: score, how many test pictures and captions activate it,
        the share of pictures among them, the fact it stands for, its three nearest latents."""
        latent = int(self.latents[place])
        pictures, captions = (int((codes.csr()[:, [latent]] > 0).sum()) for codes in self.fitted.test)
        near = [int(other) for other in np.argsort(-self.neighbours[latent])[:4] if other != latent][:3]
        known = {
            "latent": latent,
            "score": round(float(self.scores.score[latent]), 3),
            "pictures": pictures,
            "captions": captions,
            "share of pictures": round(pictures / (pictures + captions), 2),
            "stands for": self.names.get(latent, "nothing named"),
            "nearest latents": ", ".join(map(str, near)),
        }
        return pd.Series(known)

    def captions(self, place: int, n: int = 4) -> list[str]:
        """The n captions that activate it most."""
        texts = self.session.world.pairs(self.session.world.concept_split).captions
        return [texts[row][0] for row in self.top[1].rows[self.latents[place]][:n]]

    def figure(self, place: int) -> Figure:
        """Its strongest pictures."""
        images = self.session.world.pairs(self.session.world.concept_split).images
        return image_grid([images[row] for row in self.top[0].rows[self.latents[place]]], columns=SHOWN)


def names_of(session: Session, codes: SparseCodes) -> dict[int, str]:
    """Latent to the fact that its strongest test pictures share; latents without full lists are missing."""
    named = name_latents(codes, session.world.pairs("test").facts)
    return dict(zip(named.latent.tolist(), named.fact, strict=True))


class Edits:
    """Captions of one's own against the first POOL test pictures, unedited and as TEVI edits them."""

    def __init__(self, session: Session, arms: dict[str, MaskerConfig] = text_editing.ARMS) -> None:
        self.session = session
        editors = text_editing.fit_editors(session, {EDITOR: arms[EDITOR]})
        self.editor: Editor = text_editing.of_seed(editors, EDITOR, session.seeds[0])
        test = session.world.embeddings("test")
        self.pictures = test.rows(np.arange(min(POOL, len(test))), f"first {min(POOL, len(test))}")
        self.codes = self.editor.sae.codes(self.pictures)

    @cached_property
    def names(self) -> dict[int, str]:
        """What latents stand for."""
        return names_of(self.session, self.editor.sae.codes(self.session.world.embeddings("test")))

    def embedded(self, caption: str) -> np.ndarray:
        """(1, d) unit embedding of a caption."""
        return unit_rows("caption", self.session.world.encoder.encode_texts([caption])).astype(np.float32)

    def ranking(self, caption: str) -> dict[str, np.ndarray]:
        """Rows of the SHOWN best pictures, unedited and edited."""
        text = self.embedded(caption)
        scores = {
            "unedited": self.pictures.tower("image") @ text[0],
            "edited": self.editor.masker.scores(image_side(self.editor, self.pictures), text)[:, 0],
        }
        return {name: np.argsort(-values, kind="stable")[:SHOWN] for name, values in scores.items()}

    def kept(self, caption: str) -> pd.DataFrame:
        """The latents of the best edited picture, by falling mask: latent, fact, activation, mask."""
        text = self.embedded(caption)
        mask = self.editor.masker.read(text)[1][0].numpy()
        row = self.codes.csr()[[int(self.ranking(caption)["edited"][0])]]
        facts = [self.names.get(int(latent), "") for latent in row.indices]
        table = pd.DataFrame({"latent": row.indices, "fact": facts, "activation": row.data, "mask": mask[row.indices]})
        return table.sort_values("mask", ascending=False, ignore_index=True)

    def figure(self, caption: str) -> Figure:
        """The best pictures: unedited in the first row, edited in the second."""
        images, best = self.session.world.pairs("test").images, self.ranking(caption)
        return image_grid([images[int(row)] for rows in best.values() for row in rows], columns=SHOWN, rows=list(best))


class Steering:
    """One latent of the LLaVA's image tower, clamped."""

    def __init__(self, session: Session) -> None:
        self.session, self.drawn = session, steering.draw_latents(session, session.seeds[0])

    def concept(self, place: int) -> str:
        """What the drawn latent at a place stands for."""
        return steering.concept_name(self.drawn.concept[place])

    def choices(self) -> list[tuple[str, int]]:
        """Every concept that can be clamped, with its latent's number as two may share it, and its place."""
        places = range(len(self.drawn.latent))
        return sorted((f"{self.concept(place)} (latent {self.drawn.latent[place]})", place) for place in places)

    @property
    def last_picture(self) -> int:
        """The number of the last dev picture."""
        return len(self.session.world.pairs("dev")) - 1

    def say(self, place: int, strength: float, picture: int) -> dict[str, str]:
        """Descriptions of a dev picture: plain, and with the latent at `strength` times its largest activations."""
        return {"plain": self.plain([picture])[0], "clamped": self.clamped(place, strength, [picture])[0]}

    def plain(self, pictures: Sequence[int]) -> list[str]:
        """Descriptions of dev pictures."""
        images = self.session.world.pairs("dev").images
        prompts = ["describe the picture"] * len(pictures)
        return self.session.world.llava.generate([images[row] for row in pictures], prompts, steering.LONGEST)

    def clamped(self, place: int, strength: float, pictures: Sequence[int]) -> list[str]:
        """The same with a latent at `strength` times its largest activations."""
        value = strength * float(self.drawn.scale[place])
        edit = clamp(self.drawn.sae, {int(self.drawn.latent[place]): value}, keep_error=True)
        llava = self.session.world.llava
        with steered(llava.vision_tower, steering.block_of(llava), edit):
            return self.plain(pictures)

    def figure(self, picture: int) -> Figure:
        """The dev picture."""
        return image_grid([self.session.world.pairs("dev").images[picture]], columns=1)


def told(answers: dict[str, str]) -> str:
    """Answers as wrapped lines."""
    return "\n".join(textwrap.fill(f"{who}: {text}", 100, subsequent_indent="  ") for who, text in answers.items())
