"""The steering study: what is drawn, what is edited, how answers are counted, and claim C13 on tables made for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lib.data.errors import NotAvailable
from lib.data.scenes.questions import describe, read
from lib.data.scenes.world import layout_of
from lib.encoders.hooks import record
from lib.run.profiles import load_profile
from lib.run.start import Session, open_session
from lib.run.studies import steering, steering_measures
from lib.run.studies.steering import ARMS, Latents, Plan

SMALL = ["splits.train=60", "splits.dev=40", "splits.test=40", "seeds=[0]"]


@pytest.fixture
def session(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(steering, "PICTURES", 40)
    monkeypatch.setattr(steering, "STEPS", 60)
    monkeypatch.setattr(steering, "LIFT", 0.2)
    monkeypatch.setattr(steering, "SUPPORT", 20)
    monkeypatch.setattr(steering, "LATENTS", 3)
    return open_session("12_steering", load_profile("scenes", SMALL))


def test_the_llava_reads_what_the_dictionary_learns_from(session: Session) -> None:
    llava, block = session.world.llava, steering.block_of(session.world.llava)
    patches = steering.tokens(session)
    with record(llava.vision_tower, [block], "patches") as recorded:
        llava.generate([session.world.pairs("train").images[0]], ["describe the picture"], 1)  # type: ignore[index]
    np.testing.assert_allclose(patches.tower("image")[:64], recorded[block][0][0].numpy(), atol=1e-3)
    assert steering.shown(session).shape == (len(patches), len(steering.concepts()))
    assert (steering.shown(session).sum(axis=1) == 2).all()


def test_drawn_latents_mean_what_they_are_named(session: Session) -> None:
    drawn = steering.draw_latents(session, 0)
    truth, dense = steering.shown(session), drawn.sae.codes(steering.tokens(session)).dense()
    for row, latent in enumerate(drawn.latent):
        weights = dense[:, latent]
        lift = weights @ truth / weights.sum() - truth.mean(axis=0)
        assert drawn.lift[row] == pytest.approx(lift.max()) and drawn.lift[row] > 0.2
        assert drawn.concept[row] == steering.concepts()[int(lift.argmax())]
        assert drawn.scale[row] == pytest.approx(np.sort(weights)[-16:].mean(), rel=1e-5)
    pooled = dense.reshape(40, 64, -1).sum(axis=1)[:, drawn.latent[0]]
    images = session.world.embeddings("train").tower("image")[:40]
    best = np.argsort(-pooled, kind="stable")[:16]
    np.testing.assert_allclose(drawn.target[0], images[best].mean(axis=0), rtol=1e-5)
    assert (drawn.other != drawn.latent).all()
    torch.testing.assert_close(drawn.means.norm(dim=1), torch.ones(len(drawn.latent)))


def test_pictures_lack_or_show_the_concept_and_answers_are_counted(session: Session) -> None:
    drawn = steering.draw_latents(session, 0)
    for insert in (True, False):
        plan = steering.plan(session, drawn, "test", insert)
        for latent, picture in zip(plan.latent, plan.picture, strict=True):
            factor, value = drawn.concept[latent]
            layout = layout_of("test", 0, int(picture))
            there = {0: {t.kind for t in layout.things}, 1: {t.colour for t in layout.things}}
            there |= {9: {layout.background}, 10: {layout.pattern}}
            assert (value in there[factor]) != insert
    answers = steering_measures.steer_all(session, [drawn], 1.0)
    assert set(answers.arm) == set(ARMS) and answers.cosine.between(-1, 1).all()
    plain = answers[answers.arm == "plain"]
    assert (plain.kept.dropna() == 1).all() and (plain.named == plain.told).all()


def drawn_by_hand() -> Latents:
    none = np.zeros(1)
    return Latents(0, None, np.array([7]), none, [(0, 3)], none, none, none, np.ones((1, 4)), torch.zeros(1, 4), 1)  # type: ignore[arg-type]


class Texts:
    def encode_texts(self, texts: list[str]) -> np.ndarray:
        return np.tile(np.array([1.0, 1.0, 0.0, 0.0], np.float32), (len(texts), 1))


class FakeSession:
    class world:  # noqa: N801
        encoder = Texts()


def test_an_answer_is_held_against_the_plain_one() -> None:
    text = describe(layout_of("test", 0, 0)).answer
    facts = read(text)
    plan = Plan("test", True, np.array([0]), np.array([0]))
    found = steering_measures.judged(FakeSession(), drawn_by_hand(), plan, [text], [text])  # type: ignore[arg-type]
    assert found.kept[0] == 1 and found.cosine[0] == pytest.approx(np.sqrt(0.5))
    assert found.named[0] == ((0, 3) in facts) == found.told[0]
    empty = steering_measures.judged(FakeSession(), drawn_by_hand(), plan, [""], [text])  # type: ignore[arg-type]
    assert empty.kept[0] == 0 and not empty.named[0]


def test_the_summary_counts_only_what_was_there_to_suppress() -> None:
    columns = {"seed": 0, "cosine": 0.1, "arm": "clamp"}
    rows = [
        {"task": "suppress", "named": False, "told": True, "kept": 0.5},
        {"task": "suppress", "named": True, "told": True, "kept": 1.0},
        {"task": "suppress", "named": False, "told": False, "kept": 1.0},
        {"task": "insert", "named": True, "told": False, "kept": 0.25},
    ]
    table = steering_measures.summary(pd.DataFrame([columns | row for row in rows])).set_index("task")
    assert table.loc["suppress", ["success", "kept", "both", "answers"]].tolist() == [0.5, 0.75, 0.25, 2]
    assert table.loc["insert", ["success", "both"]].tolist() == [1, 0.25]


def table(inserted: float, cosine: float, reconstructed: float) -> pd.DataFrame:
    rows = []
    for seed in (0, 1, 2):
        for task in ("insert", "suppress"):
            for arm in ARMS:
                values = {"plain": (0.0, 0.2), "reconstruct": (0.0, reconstructed)}.get(arm, (inserted, cosine))
                row = {"task": task, "arm": arm, "seed": seed, "success": values[0], "cosine": values[1]}
                rows.append(row | {"kept": 0.9, "both": 0.9 * values[0]})
    return pd.DataFrame(rows)


LIMITS = pd.DataFrame({"seed": [0, 1, 2], "match": 0.6, "shuffled": 0.2})


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.6, 0.4, 0.21), "reproduced"),
        ((0.6, 0.25, 0.21), "partly"),
        ((0.6, 0.4, 0.3), "partly"),
        ((0.1, 0.2, 0.4), "not reproduced"),
    ],
)
def test_the_verdict_has_three_parts(values: tuple[float, float, float], verdict: str) -> None:
    claim = steering_measures.claim_c13(table(*values), LIMITS, 1.0, 100)
    assert claim.verdict == verdict
    assert claim.effect == pytest.approx(values[0])


def test_the_strength_is_the_one_that_does_both_best() -> None:
    rows = [("clamp", 1.0, 0.2), ("clamp", 2.0, 0.4), ("clamp", 4.0, 0.3), ("clamp + error", 4.0, 0.9)]
    swept = pd.DataFrame([{"seed": 0, "arm": arm, "strength": s, "both": both} for arm, s, both in rows])
    assert steering_measures.best_strength(swept) == 2.0


@pytest.mark.data
def test_a_world_of_embeddings_has_no_llava(data_root: Path) -> None:
    with pytest.raises(NotAvailable, match="no multimodal LLM; use profile scenes"):
        _ = open_session("12_steering", load_profile("clip-arrays")).world.llava
