"""Notebook 21 chooses weights where it says, and a world without tasks is skipped before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.base.errors import NotAvailable
from lib.data.scenes.scene_grammar import FACTORS, SILENT
from lib.papers.p2 import n21_tasks, n21_zero_shot, two_tower_dictionaries
from lib.papers.p2.n21_tasks import CEILING, SCENE_TASKS, zero_shot_tasks
from lib.papers.p2.n21_zero_shot import ALPHAS
from lib.papers.p2.two_tower_dictionaries import VL_SAE, fit_two_tower_arm
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session
from tests.worlds.small_clip import small_clip


@pytest.mark.parametrize("profile", ["photos", "sounds"])
def test_a_world_without_scenes_is_one_line(profile: str, cache: Path) -> None:
    session = open_session("21_zero_shot", load_profile(profile, ["splits.train=4", "splits.dev=3", "splits.test=3"]))
    with pytest.raises(NotAvailable, match=f"^world {profile} has no rendered scenes; use profile scenes$"):
        zero_shot_tasks(session)


def test_gains_and_controls_are_those_of_their_definitions(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DEFAULT_STEPS": 10, "DEFAULT_WIDTH": 64, "DEFAULT_K": 8}.items():
        monkeypatch.setattr(two_tower_dictionaries, name, value)
    overrides = ["splits.train=300", "splits.dev=50", "splits.test=120", "seeds=[0,2]"]
    session = open_session("21_zero_shot", load_profile("scenes", overrides))
    tasks = zero_shot_tasks(session)
    scored = n21_zero_shot.score_alphas(session, tasks)
    assert len(scored.table) == len(SCENE_TASKS) * 2 * 2 * len(ALPHAS)
    accuracy = scored.table.set_index(["task", "seed", "source", "alpha"]).test
    for key, gains in scored.gains.items():
        assert gains.shape == (120,)
        assert gains.mean() == pytest.approx(accuracy[key] - accuracy[(*key[:3], 0.0)])

    f = fit_two_tower_arm(session, VL_SAE, 2)
    pictures = session.world.embeddings("test")
    classes = tasks["count"].classes
    codes = [f.sae.codes(rows, tower).dense() for rows, tower in ((pictures, "image"), (classes, "text"))]
    truth = session.world.scene_truth("test").scenes
    right = 0
    for i in range(120):
        scores = [
            float(cosine(pictures.tower("image")[i], y) + 0.3 * cosine(codes[0][i], h))
            for y, h in zip(classes.tower("text"), codes[1], strict=True)
        ]
        right += int(np.argmax(scores)) == truth[i, FACTORS.index("count")]
    assert accuracy["count", 2, "latents", 0.3] == pytest.approx(right / 120)
    assert scored.untrained.shape == (2, 120) and scored.oracle.shape == (120,)
    assert scored.oracle.mean() > 0.01 > scored.untrained.mean(), "codes that know the answer help"


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


@pytest.mark.slow
def test_no_task_is_solved_or_answered_by_one_word(cache: Path) -> None:
    session = open_session("21_zero_shot", load_profile("scenes", ["splits.train=10", "seeds=[0]"]))
    for name, factor in SCENE_TASKS.items():
        labels = session.world.scene_truth("dev").scenes[:, FACTORS.index(factor.name)]
        labels = labels[labels != SILENT]
        assert np.bincount(labels).max() < 0.5 * len(labels), name
    scored = n21_zero_shot.score_alphas(session, zero_shot_tasks(session))
    alone = scored.table[scored.table.alpha == 0].groupby("task").test.mean()
    assert (alone < CEILING).all()


def test_alpha_is_chosen_where_it_says() -> None:
    rows = [
        {"task": "kind", "seed": 0, "source": "latents", "alpha": a, "dev": dev, "test": test}
        for a, dev, test in ((0.0, 0.5, 0.6), (0.1, 0.7, 0.5), (0.2, 0.7, 0.9))
    ]
    chosen = n21_zero_shot.choose_alphas(pd.DataFrame(rows)).iloc[0]
    assert (chosen.base, chosen.fixed, chosen["on dev"], chosen["on test"]) == (0.6, 0.5, 0.5, 0.9)
    assert (chosen.alpha_dev, chosen.alpha_test) == (0.1, 0.2)


def test_a_labelled_set_is_a_task_among_its_own_labels(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_clip(tmp_path / "clip", monkeypatch)
    for name, value in {"DEFAULT_STEPS": 2, "DEFAULT_WIDTH": 64, "DEFAULT_K": 8}.items():
        monkeypatch.setattr(two_tower_dictionaries, name, value)
    overrides = ["splits.train=8", "splits.dev=12", "splits.test=12", "seeds=[0]"]
    session = open_session("21_zero_shot", load_profile("labels-b32", overrides))
    tasks = zero_shot_tasks(session)
    world, known = session.world, np.zeros(12, int)
    prompts, numbers = world.classes("test")
    for name, task in tasks.items():
        pictures, known = task.test, known + task.test.known
        assert all(
            one.startswith(f"{name}_") == asked for one, asked in zip(pictures.rows.ids, pictures.known, strict=True)
        )
        told = task.classes.ids[pictures.labels[pictures.known]]
        assert (told == prompts.ids[numbers[pictures.known]]).all()
        assert len(set(task.classes.ids)) == len(task.classes) < len(prompts)
    assert len(tasks) > 1 and known.max() == 1
    scored = n21_zero_shot.score_alphas(session, tasks)
    alone = scored.table[scored.table.alpha == 0].drop_duplicates("task").test.mean()
    assert 0.5 < scored.oracle.mean() <= 1 - alone, "codes that are the answer add much to vectors at random"
    monkeypatch.setattr(n21_tasks, "CEILING", -1.0)
    with pytest.raises(NotAvailable, match=r"^the model alone solves every labelled set of world labels-b32"):
        zero_shot_tasks(session)


@pytest.mark.data
def test_the_real_sets_that_leave_something_to_gain(data_root: Path, cache: Path) -> None:
    tasks = zero_shot_tasks(open_session("21_zero_shot", load_profile("labels-b32")))
    sizes = {name: (len(task.classes), int(task.test.known.sum())) for name, task in tasks.items()}
    assert sizes == {"caltech101": (39, 591), "food101": (14, 63), "imagenet": (257, 445)}
