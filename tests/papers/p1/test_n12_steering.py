"""The steering study: what is drawn, what is edited, and how answers are counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lib.base.errors import NotAvailable
from lib.data.scenes.questions import describe, read
from lib.data.scenes.scene_pairs import layout_of
from lib.encoders.hooks import record
from lib.papers.p1 import n12_answers, n12_steering
from lib.papers.p1.n12_steering import STEERING_ARMS, DrawnLatents, SteeringPlan
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session

SMALL = ["splits.train=60", "splits.dev=40", "splits.test=40", "seeds=[0]"]


@pytest.fixture
def session(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(n12_steering, "PATCH_PICTURES", 40)
    monkeypatch.setattr(n12_steering, "PATCH_STEPS", 60)
    monkeypatch.setattr(n12_steering, "LEAST_LIFT", 0.2)
    monkeypatch.setattr(n12_steering, "LEAST_KIND_LIFT", 0.2)
    monkeypatch.setattr(n12_steering, "LEAST_PATCHES", 20)
    monkeypatch.setattr(n12_steering, "LATENTS_PER_SEED", 3)
    return open_session("12_steering", load_profile("scenes", SMALL))


def test_the_llava_reads_what_the_dictionary_learns_from(session: Session) -> None:
    llava, block = session.world.llava, n12_steering.block_of(session.world.llava)
    patches = n12_steering.patch_tokens(session)
    with record(llava.vision_tower, [block], "patches") as recorded:
        llava.generate([session.world.pairs("train").images[0]], ["describe the picture"], 1)  # type: ignore[index]
    np.testing.assert_allclose(patches.tower("image")[:64], recorded[block][0][0].numpy(), atol=1e-3)
    assert n12_steering.shown_concepts(session).shape == (len(patches), len(n12_steering.patch_concepts()))
    assert (n12_steering.shown_concepts(session).sum(axis=1) == 2).all()


def test_drawn_latents_mean_what_they_are_named(session: Session) -> None:
    drawn = n12_steering.draw_latents(session, 0)
    truth, dense = n12_steering.shown_concepts(session), drawn.sae.codes(n12_steering.patch_tokens(session)).dense()
    for row, latent in enumerate(drawn.latent):
        weights = dense[:, latent]
        lift = weights @ truth / weights.sum() - truth.mean(axis=0)
        assert drawn.lift[row] == pytest.approx(lift.max()) and drawn.lift[row] > 0.2
        assert drawn.concept[row] == n12_steering.patch_concepts()[int(lift.argmax())]
        assert drawn.scale[row] == pytest.approx(np.sort(weights)[-16:].mean(), rel=1e-5)
    pooled = dense.reshape(40, 64, -1).sum(axis=1)[:, drawn.latent[0]]
    images = session.world.embeddings("train").tower("image")[:40]
    best = np.argsort(-pooled, kind="stable")[:16]
    np.testing.assert_allclose(drawn.target[0], images[best].mean(axis=0), rtol=1e-5)
    assert (drawn.other != drawn.latent).all()
    patches = n12_steering.patch_tokens(session).tower("image")
    shows = truth[:, n12_steering.patch_concepts().index(drawn.concept[0])]
    by_hand = patches[shows].mean(axis=0) - patches[~shows].mean(axis=0)
    np.testing.assert_allclose(drawn.means[0].numpy(), by_hand, rtol=1e-3, atol=1e-4)


def test_half_of_the_drawn_latents_are_kinds_unless_one_sort_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(n12_steering, "LATENTS_PER_SEED", 6)
    latents = np.arange(100, 130)
    for of_kinds, drawn_kinds in ((15, 3), (2, 2), (28, 4), (30, 6), (0, 0)):
        kinds = np.arange(30) < of_kinds
        drawn = n12_steering.draw_by_quota(latents, kinds, np.random.default_rng(0))
        assert len(set(drawn)) == 6 and (np.diff(drawn) > 0).all()
        assert kinds[drawn - 100].sum() == drawn_kinds
    assert len(n12_steering.draw_by_quota(latents[:4], np.ones(4, bool), np.random.default_rng(0))) == 4


def test_arms_turn_the_sign_of_the_strength_to_suppress(session: Session) -> None:
    drawn = n12_steering.draw_latents(session, 0)
    tokens = torch.from_numpy(np.array(n12_steering.patch_tokens(session).tower("image")[:64]))
    for insert, sign in ((True, 1), (False, -1)):
        plan = SteeringPlan("test", insert, np.array([1]), np.array([0]))

        def edited(arm: str, strength: float, plan: SteeringPlan = plan) -> torch.Tensor:
            edit = n12_steering.edit_of_arm(drawn, plan, arm, strength)
            assert edit is not None
            return edit(slice(0, 1))(tokens)

        torch.testing.assert_close(
            edited("difference in means", 3.0) - tokens, sign * 3 * drawn.means[1].expand(64, -1)
        )
        level = edited("clamp", 2.0) - edited("clamp", 0.0)
        row = drawn.sae.W_dec[int(drawn.latent[1])].detach()
        torch.testing.assert_close(level, (sign * 2 * float(drawn.scale[1]) * row).expand(64, -1), rtol=1e-3, atol=1e-3)
        assert n12_steering.edit_of_arm(drawn, plan, "plain", 0.0) is None


def test_pictures_lack_or_show_the_concept_and_answers_are_counted(session: Session) -> None:
    drawn = n12_steering.draw_latents(session, 0)
    for insert in (True, False):
        plan = n12_steering.plan_pictures(session, drawn, "test", insert)
        for latent, picture in zip(plan.latent, plan.picture, strict=True):
            factor, value = drawn.concept[latent]
            layout = layout_of("test", 0, int(picture))
            there = {0: {t.kind for t in layout.things}, 1: {t.colour for t in layout.things}}
            there |= {9: {layout.background}, 10: {layout.pattern}}
            assert (value in there[factor]) != insert
    arms = [(task, arm, drawn.seed) for task in ("insert", "suppress") for arm in n12_answers.SWEPT_ARMS]
    strengths = dict.fromkeys(arms, 1.0)
    answers = n12_answers.steer_all(session, [drawn], strengths)
    assert set(answers.arm) == set(STEERING_ARMS) and answers.cosine.between(-1, 1).all()
    plain = answers[answers.arm == "plain"]
    assert (plain.kept.dropna() == 1).all() and (plain.named == plain.told).all()
    assert (answers.kind == [drawn.concept[drawn.latent.tolist().index(one)][0] == 0 for one in answers.latent]).all()
    shown = n12_answers.shown_answers(session, drawn, strengths)
    arms = ["plain", "reconstruct", "clamp, 1", "clamp, 2", "clamp, 4", "difference in means"]
    assert shown.arm.tolist() == arms * 3 and shown.number.tolist() == [n for n in (1, 2, 3) for _ in arms]
    one = answers[(answers.task == "insert") & (answers.arm == "plain")]
    white = n12_answers.white_picture_answers(session, [drawn], [2.0])
    assert white.groupby(["arm", "strength"]).size().to_dict() == {
        ("clamp", 2.0): 3,
        ("plain", 0.0): 3,
        ("reconstruct", 0.0): 3,
    }
    assert set(white.columns) == set(one.columns) - {"task"} | {"strength"}


def test_answers_in_several_processes_are_those_of_one(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [replace(n12_steering.draw_latents(session, 0), seed=seed) for seed in (0, 1)]
    found = []
    for threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert session.workers.jobs == threads
        found.append(n12_answers.white_picture_answers(session, drawn, [2.0]))
    pd.testing.assert_frame_equal(*found, atol=1e-5)
    assert found[0].seed.unique().tolist() == [0, 1]


def drawn_by_hand() -> DrawnLatents:
    none = np.zeros(1)
    return DrawnLatents(0, None, np.array([7]), none, [(0, 3)], none, none, none, np.ones((1, 4)), torch.zeros(1, 4), 1)  # type: ignore[arg-type]


class Texts:
    def encode_texts(self, texts: list[str]) -> np.ndarray:
        return np.tile(np.array([1.0, 1.0, 0.0, 0.0], np.float32), (len(texts), 1))


class FakeSession:
    class world:  # noqa: N801
        encoder = Texts()


def test_an_answer_is_held_against_the_plain_one() -> None:
    text = describe(layout_of("test", 0, 0)).answer
    facts = read(text)
    plan = SteeringPlan("test", True, np.array([0]), np.array([0]))
    found = n12_answers.judge_answers(FakeSession(), drawn_by_hand(), plan, [text], [text])  # type: ignore[arg-type]
    assert found.kept[0] == 1 and found.cosine[0] == pytest.approx(np.sqrt(0.5))
    assert found.named[0] == ((0, 3) in facts) == found.told[0]
    assert found.formed[0] and found.kind[0]
    worse = [f"{text} {text.split()[-1]}"]
    assert not n12_answers.judge_answers(FakeSession(), drawn_by_hand(), plan, worse, [text]).formed[0]  # type: ignore[arg-type]
    empty = n12_answers.judge_answers(FakeSession(), drawn_by_hand(), plan, [""], [text])  # type: ignore[arg-type]
    assert empty.kept[0] == 0 and not empty.named[0]


def test_the_summary_counts_only_what_was_there_to_suppress() -> None:
    columns = {"seed": 0, "cosine": 0.1, "arm": "clamp"}
    rows = [
        {"task": "suppress", "named": False, "told": True, "formed": True, "kept": 0.5},
        {"task": "suppress", "named": True, "told": True, "formed": True, "kept": 1.0},
        {"task": "suppress", "named": False, "told": False, "formed": True, "kept": 1.0},
        {"task": "insert", "named": True, "told": False, "formed": True, "kept": 0.25},
        {"task": "insert", "named": True, "told": False, "formed": False, "kept": 0.75},
    ]
    table = n12_answers.summarise_answers(pd.DataFrame([columns | row for row in rows])).set_index("task")
    assert table.loc["suppress", ["success", "clean", "kept", "both", "answers"]].tolist() == [0.5, 0.5, 0.75, 0.25, 2]
    assert table.loc["insert", ["success", "formed", "clean", "both"]].tolist() == [1, 0.5, 0.5, 0.125]


def test_every_arm_and_seed_has_its_own_best_strength_for_each_task() -> None:
    rows = [("insert", "clamp", 0, 4.0, 0.4), ("insert", "clamp", 0, 1.0, 0.2), ("insert", "clamp", 0, 2.0, 0.4)]
    rows += [("insert", "clamp", 1, 1.0, 0.1), ("insert", "clamp", 1, 2.0, 0.0), ("insert", "clamp", 1, 4.0, 0.2)]
    rows += [("insert", "clamp + error", 0, 2.0, 0.1), ("insert", "clamp + error", 0, 4.0, 0.9)]
    rows += [("suppress", "clamp", 0, 1.0, np.nan), ("suppress", "clamp", 0, 0.0, np.nan)]
    swept = pd.DataFrame(rows, columns=["task", "arm", "seed", "strength", "both"])
    found = n12_answers.best_strengths(swept)
    inserted = {("insert", "clamp", 0): 2.0, ("insert", "clamp", 1): 4.0, ("insert", "clamp + error", 0): 4.0}
    assert found == inserted | {("suppress", "clamp", 0): 0.0}
    assert n12_answers.strength_of(found, "insert", "random latent", 0) == 4.0
    assert n12_answers.strength_of(found, "insert", "reconstruct", 0) == 0.0


@pytest.mark.data
def test_a_world_of_embeddings_has_no_llava(data_root: Path) -> None:
    with pytest.raises(NotAvailable, match="no multimodal LLM; use profile scenes"):
        _ = open_session("12_steering", load_profile("clip-arrays")).world.llava
