"""The explorer's pages: what one latent shows, what a caption keeps of pictures, what a clamp makes the LLaVA say.

Each page is a function of a few numbers or a text, so that a slider can call it and a test as well.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
import scipy.sparse as sp
from matplotlib.figure import Figure

from lib.base.errors import CompanionError
from lib.data.scenes.questions import is_description, read
from lib.data.scenes.scene_grammar import FACTORS
from lib.editing.masker import MaskerConfig
from lib.editing.steering import clamp, steered
from lib.metrics.latent_facts import name_latents
from lib.metrics.monosemanticity import MonosemanticityScore
from lib.metrics.rows import unit_rows
from lib.papers.common.ms_scores import monosemanticity
from lib.papers.p1 import n12_steering
from lib.papers.p2.two_tower_dictionaries import FittedTwoTower
from lib.papers.p4 import settings
from lib.papers.p4.editors import Editor, find_editor, fit_editors, image_side
from lib.report.figures import image_grid
from lib.sae.codes import SparseCodes
from lib.worlds.session import Session

ROW_PICTURES = 8
"""Pictures in a row."""

EXAMPLES = 4
"""Pictures of each strength of an activation."""

STRENGTH_OF_EXAMPLES = {"strongest": 1.0, "three quarters": 0.75, "middle": 0.5, "a quarter": 0.25, "weakest": 0.0}
"""Where among the pictures that activate a latent its examples are taken from, as a quantile of the activation."""

BINS = 12
"""Bars of the histogram of a latent's activations."""

STRENGTHS = (1, 2, 4)
"""Strengths that a concept can be clamped to, in units of its latent's largest activations."""

DESCRIBED = (1, 2, 3)
"""Dev pictures that the LLaVA describes."""

POOL = 500
"""Test pictures that a caption is compared with."""

EDITOR = "masker + text"


class Concepts:
    """The latents of a dictionary of pairs that have full lists of pictures and captions, by falling score."""

    def __init__(self, session: Session, fitted: FittedTwoTower) -> None:
        self.session, self.fitted = session, fitted
        self.top = fitted.top(ROW_PICTURES)
        full = np.flatnonzero((self.top[0].counts == ROW_PICTURES) & (self.top[1].counts == ROW_PICTURES))
        if not len(full):
            raise CompanionError(f"no latent has {ROW_PICTURES} pictures and {ROW_PICTURES} captions; train it longer")
        self.latents = full[np.argsort(-self.scores.score[full], kind="stable")]

    @cached_property
    def scores(self) -> MonosemanticityScore:
        """Of the pictures, by the world's first judge."""
        judge = next(iter(self.session.world.judges("test").values()))
        return monosemanticity(self.fitted.test[0], judge.tower("image"))

    @cached_property
    def names(self) -> dict[int, str]:
        """What latents stand for."""
        return names_of(self.session, self.fitted.test[0])

    @cached_property
    def neighbours(self) -> np.ndarray:
        """(width, width) cosines of the directions that latents write in pictures."""
        rows = unit_rows("decoder", self.fitted.sae.decoder_of("image")[0].detach().numpy())
        return rows @ rows.T

    @cached_property
    def opening(self) -> int:
        """The place of the best latent that shows what it stands for: its strongest captions say the word; else 0."""
        for place, latent in enumerate(self.latents):
            word = self.names.get(int(latent), "").partition(":")[2]
            if word and all(word in caption for caption in self.captions(place)):
                return place
        return 0

    def chosen(self, n: int) -> list[int]:
        """Places of n latents, the best first: half of them stand for kinds of objects, as far as there are any."""
        every = range(len(self.latents))
        kinds = [place for place in every if self.names.get(self.number(place), "").startswith("kind:")]
        return sorted(list(dict.fromkeys([self.opening, *every[: n - n // 2], *kinds, *every]))[:n])

    def number(self, place: int) -> int:
        """The number of the latent at a place of `latents`."""
        return int(self.latents[place])

    def nearest(self, place: int, among: Sequence[int], n: int = 3) -> list[int]:
        """The n places among others whose latents write in the most similar direction, the nearest first."""
        others = np.array([other for other in among if other != place], dtype=np.int64)
        cosines = self.neighbours[self.number(place), self.latents[others]]
        return [int(one) for one in others[np.argsort(-cosines, kind="stable")[:n]]]

    @cached_property
    def _activations(self) -> sp.csc_array:
        """Activations (pictures, width) of the split that shows concepts."""
        split = self.session.world.concept_split
        return self.fitted.sae.codes(self.fitted.embeddings(split), "image").csr().tocsc()

    def examples(self, place: int) -> dict[str, list[int]]:
        """Rows of EXAMPLES pictures around each quantile of the latent's activation, the strongest first."""
        column = self._activations[:, [self.number(place)]].toarray().ravel()
        rows = np.argsort(-column, kind="stable")[: int((column > 0).sum())]
        starts = {name: round((1 - share) * (len(rows) - EXAMPLES)) for name, share in STRENGTH_OF_EXAMPLES.items()}
        return {name: rows[start : start + EXAMPLES].tolist() for name, start in starts.items()}

    def density(self, place: int) -> tuple[float, list[int]]:
        """The share of pictures that activate the latent, and how many have each of BINS ranges of its activation."""
        column = self._activations[:, [self.number(place)]].toarray().ravel()
        counts, _ = np.histogram(column[column > 0], BINS, (0, column.max()))
        return float((column > 0).mean()), counts.tolist()

    def facts(self, place: int) -> pd.Series:
        """What is known of the latent at a place of `latents`: score, how many test pictures and captions activate it,
        the share of pictures among them, the fact it stands for, its three nearest latents."""
        latent = self.number(place)
        pictures, captions = (int((codes.csr()[:, [latent]] > 0).sum()) for codes in self.fitted.test)
        near = [self.number(other) for other in self.nearest(place, range(len(self.latents)))]
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
        texts = self.session.world.captions(self.session.world.concept_split)
        return [texts[row][0] for row in self.top[1].rows[self.latents[place]][:n]]

    def figure(self, place: int) -> Figure:
        """Its strongest pictures."""
        images = self.session.world.pictures(self.session.world.concept_split)
        return image_grid([images[row] for row in self.top[0].rows[self.latents[place]]], columns=ROW_PICTURES)


def names_of(session: Session, codes: SparseCodes) -> dict[int, str]:
    """Latent to the fact that its strongest test pictures share; latents without full lists are missing."""
    named = name_latents(codes, session.world.facts("test"))
    return dict(zip(named.latent.tolist(), named.fact, strict=True))


class Edits:
    """Captions of one's own against the first POOL test pictures, unedited and as TEVI edits them."""

    def __init__(self, session: Session, arms: dict[str, MaskerConfig] = settings.MASKER_ARMS) -> None:
        self.session = session
        editors = fit_editors(session, {EDITOR: arms[EDITOR]})
        self.editor: Editor = find_editor(editors, EDITOR, session.seeds[0])
        test = session.world.embeddings("test")
        self.pictures = test.rows(np.arange(min(POOL, len(test))), f"first {min(POOL, len(test))}")
        self.codes = self.editor.sae.codes(self.pictures)

    @cached_property
    def names(self) -> dict[int, str]:
        """What latents stand for."""
        return names_of(self.session, self.editor.sae.codes(self.session.world.embeddings("test")))

    def embed_caption(self, caption: str) -> np.ndarray:
        """(1, d) unit embedding of a caption."""
        return unit_rows("caption", self.session.world.encoder.encode_texts([caption])).astype(np.float32)

    def ranking(self, caption: str) -> dict[str, np.ndarray]:
        """Rows of the SHOWN best pictures, unedited and edited."""
        text = self.embed_caption(caption)
        scores = {
            "unedited": self.pictures.tower("image") @ text[0],
            "edited": self.editor.masker.scores(image_side(self.editor, self.pictures), text)[:, 0],
        }
        return {name: np.argsort(-values, kind="stable")[:ROW_PICTURES] for name, values in scores.items()}

    def kept(self, caption: str) -> pd.DataFrame:
        """The latents of the best edited picture, by falling mask: latent, fact, activation, mask."""
        text = self.embed_caption(caption)
        mask = self.editor.masker.read(text)[1][0].numpy()
        row = self.codes.csr()[[int(self.ranking(caption)["edited"][0])]]
        facts = [self.names.get(int(latent), "") for latent in row.indices]
        table = pd.DataFrame({"latent": row.indices, "fact": facts, "activation": row.data, "mask": mask[row.indices]})
        return table.sort_values("mask", ascending=False, ignore_index=True)

    def figure(self, caption: str) -> Figure:
        """The best pictures: unedited in the first row, edited in the second."""
        images, best = self.session.world.pictures("test"), self.ranking(caption)
        return image_grid(
            [images[int(row)] for rows in best.values() for row in rows], columns=ROW_PICTURES, rows=list(best)
        )


class Steering:
    """One latent of the LLaVA's image tower, clamped."""

    def __init__(self, session: Session) -> None:
        self.session, self.drawn = session, n12_steering.draw_latents(session, session.seeds[0])

    def concept(self, place: int) -> str:
        """What the drawn latent at a place stands for."""
        return n12_steering.concept_name(self.drawn.concept[place])

    def sort(self, place: int) -> str:
        """What sort of concept the drawn latent at a place stands for: a kind, a colour, a background or a pattern."""
        return FACTORS[self.drawn.concept[place][0]]

    def works(self, place: int, plain: str, clamped: str) -> bool:
        """Whether a clamped answer names the concept, which the plain one does not, in a description like any other."""
        concept = self.drawn.concept[place]
        return concept in read(clamped) and concept not in read(plain) and is_description(clamped)

    @cached_property
    def opening(self) -> tuple[int, int, int]:
        """The first place, strength and picture at which a clamp works, kinds of objects first; else the first ones."""
        plain = self.plain(DESCRIBED)
        for place in sorted(range(len(self.drawn.latent)), key=lambda one: (self.sort(one) != "kind", one)):
            for strength in STRENGTHS:
                said = self.clamped(place, strength, DESCRIBED)
                for picture, *answers in zip(DESCRIBED, plain, said, strict=True):
                    if self.works(place, *answers):
                        return place, strength, picture
        return 0, STRENGTHS[0], DESCRIBED[0]

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
        images = self.session.world.pictures("dev")
        prompts = ["describe the picture"] * len(pictures)
        return self.session.world.llava.generate([images[row] for row in pictures], prompts, n12_steering.ANSWER_TOKENS)

    def clamped(self, place: int, strength: float, pictures: Sequence[int]) -> list[str]:
        """The same with a latent at `strength` times its largest activations."""
        value = strength * float(self.drawn.scale[place])
        edit = clamp(self.drawn.sae, {int(self.drawn.latent[place]): value}, keep_error=True)
        llava = self.session.world.llava
        with steered(llava.vision_tower, n12_steering.block_of(llava), edit):
            return self.plain(pictures)

    def figure(self, picture: int) -> Figure:
        """The dev picture, as large as those of the other pages."""
        return image_grid([self.session.world.pictures("dev")[picture]], columns=ROW_PICTURES)


def told(answers: dict[str, str]) -> str:
    """Answers as wrapped lines."""
    return "\n".join(textwrap.fill(f"{who}: {text}", 100, subsequent_indent="  ") for who, text in answers.items())
