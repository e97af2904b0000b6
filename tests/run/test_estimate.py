"""Estimates: what would be trained is what notebooks train, and the arithmetic from small pieces to the whole."""

from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from lib.base.errors import CompanionError, NotAvailable
from lib.base.places import NOTEBOOKS, find_notebook, read_notebook
from lib.papers.p2 import two_tower_dictionaries, two_tower_gap
from lib.papers.p3 import pair_dictionaries
from lib.run import estimate as module
from lib.run.cli import app
from lib.sae.config import SAEConfig, TrainConfig
from lib.worlds.profiles import PairSettings, Profile, load_profile

LISTS = {
    "10": "study.ms_recipes(scored)",
    "11": "study.taxonomy_recipes(more)",
    "20": "two_tower_dictionaries.NOTEBOOK_ARMS",
    "23": "two_tower_dictionaries.NOTEBOOK_ARMS",
    "24": "two_tower_dictionaries.NOTEBOOK_ARMS",
    "30": "pair_dictionaries.PAIRED_ARMS, session.seeds",
    "31": "pair_dictionaries.PAIRED_ARMS | pair_dictionaries.MORE_PAIRED_ARMS",
    "33": "pair_dictionaries.PAIRED_ARMS | pair_dictionaries.BATCH_ARMS",
    "41": "fit_editors(session)",
}
"""The words of a notebook that name what it trains; `TRAININGS` has the same lists."""


def small(*overrides: str) -> Profile:
    """The scenes profile with dictionaries of pairs of 300 latents and 7 steps."""
    return load_profile("scenes", overrides).model_copy(update={"pairs": PairSettings(width=300, steps=7)})


@pytest.fixture
def a_second_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "timed", lambda work, device: 1.0)
    module.step_seconds.cache_clear()
    yield
    module.step_seconds.cache_clear()


def test_every_estimated_notebook_trains_the_list_that_is_estimated():
    assert set(LISTS) == set(module.TRAININGS)
    for number, words in LISTS.items():
        source = "".join(cell.source for cell in read_notebook(find_notebook(number, NOTEBOOKS)).cells)
        assert words in source, number


def test_trainings_follow_the_profile_and_are_counted_once():
    profile = load_profile("scenes", ["seeds=[0,1]"])
    known: set[str] = set()
    main, dial, norms = 2 * (len(two_tower_dictionaries.MAIN_ARMS) + 2), 2 * 3 * len(two_tower_gap.DIAL_ARMS), 2 * 2
    assert len(module.new_runs("20", profile, known)) == main + dial + norms
    assert len(module.new_runs("23", profile, known)) == 2 * len(two_tower_dictionaries.SPARSER_ARMS)
    assert len(module.new_runs("24", profile, known)) == 2 * (2 + len(two_tower_dictionaries.ABLATION_ARMS))
    assert len(module.new_runs("30", profile, known)) == 2 * len(pair_dictionaries.PAIRED_ARMS)
    matched = 1  # two dictionaries of half the width
    assert len(module.new_runs("31", profile, known)) == 2 * (len(pair_dictionaries.MORE_PAIRED_ARMS) + matched)
    assert module.new_runs("31", profile, known) == module.new_runs("33", profile, known) == []


def test_the_taxonomy_is_that_of_the_world():
    runs = module.new_runs("11", load_profile("scenes", ["seeds=[0]"]), set())
    assert [run.config.sae.recipe for run in runs] == ["matryoshka", "batch_topk"]
    assert runs[0].config.sae.prefixes[:2] == module.open_world(load_profile("scenes")).taxa[:2]


def test_sizes_are_those_of_the_profile():
    runs = module.new_runs("30", small("sae.k=5"), set())
    assert {(run.config.sae.width, run.config.sae.k, run.config.steps) for run in runs} == {(300, 5, 7)}


def test_a_large_step_grows_as_rows_times_latents(a_second_each):
    config = TrainConfig(SAEConfig("topk", module.TIMED_LATENTS, 4), steps=3, batch=module.ROWS)
    assert module.step_seconds(config, 8, "image", "cpu") == 1.0
    wide = replace(config, batch=2 * module.ROWS, sae=replace(config.sae, width=3 * module.TIMED_LATENTS))
    assert module.step_seconds(wide, 8, "image", "cpu") == 6.0


def test_the_cost_of_trainings(a_second_each):
    profile = small("seeds=[0]")
    runs = module.new_runs("30", profile, set())
    cost, d = module.training_cost(runs, profile, "cpu"), module.dimensions(profile)
    weights = 2 * d * 300 * 4
    assert cost.seconds == 7 * len(runs)
    assert cost.disk == weights * len(runs)
    assert cost.memory == 20_000 * 2 * d * 4 + 4 * weights + 2 * 128 * 2 * 300 * 4


def test_seeds_that_train_together_are_timed_together(monkeypatch):
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(
        module, "step_seconds", lambda config, d, tower, device, together: asked.append((device, together)) or 1.0
    )
    profile = small("seeds=[0,1,2]")
    runs = module.new_runs("30", profile, set())
    arms, alone = len(runs) // 3, module.training_cost(runs[:1], profile, "cpu")
    cost = module.training_cost(runs, profile, "cpu")
    assert asked == [("cpu", 1)] + [("cpu", 3)] * arms
    assert cost.seconds == 7 * arms and cost.disk == alone.disk * len(runs)
    assert alone.memory < cost.memory < 3 * alone.memory
    asked.clear()
    assert module.training_cost(runs, profile, "cuda").seconds == 7 * len(runs)
    assert asked == [("cuda", 1)] * len(runs)


def test_a_stack_makes_one_step_of_all(monkeypatch):
    made: list[Any] = []
    monkeypatch.setattr(module, "timed", lambda work, device: made.append(work()) or 1.0)
    module.step_seconds.cache_clear()
    config = TrainConfig(SAEConfig("topk", 16, 4), steps=3, batch=8)
    assert module.step_seconds(config, 8, "image", "cpu") == module.step_seconds(config, 8, "image", "cpu", 2) == 1.0
    module.step_seconds.cache_clear()
    (rows, _), of_all = made
    assert rows.shape == (8, 8) and of_all == []


def test_a_published_architecture_needs_no_weights(a_second_each):
    assert module.dimensions(load_profile("clip-small")) == 512
    cost = module.embedding_cost("ViT-B-32 openai", 1000, "cpu")
    assert cost.seconds == 1000 / module.TIMED_PICTURES
    assert cost.disk == 1000 * 2 * 512 * 4
    assert 4 * 150e6 < cost.memory < 4 * 152e6 + 256 * 3 * 224 * 224 * 4


def test_an_unknown_size_is_said_in_one_line():
    with pytest.raises(NotAvailable, match="hf-hub:a/b"):
        module.embedding_cost("hf-hub:a/b", 10, "cpu")


def test_a_dry_run_says_all_and_runs_nothing(a_second_each, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_RESULTS", str(tmp_path))
    answer = CliRunner().invoke(app, ["run", "10", "30", "--profile", "clip-small", "--dry-run"])
    assert answer.exit_code == 0, answer.output
    lines = answer.output.splitlines()
    assert [line.split()[0] for line in lines] == ["estimate", "embed", "train", "train", "together", "extrapolated"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_out_is_said():
    answer = CliRunner().invoke(app, ["run", "00", "03", "--dry-run"])
    assert answer.exit_code == 0, answer.output
    assert answer.output.splitlines()[-1] == "not counted: notebooks 00, 03, whose sizes do not follow the profile"


@pytest.mark.parametrize("words", [["99"], ["10", "-p", "sead=1"], ["10", "--set", "sae.step=1"]])
def test_bad_input_is_told_as_by_a_run(words):
    answer = CliRunner().invoke(app, ["run", *words, "--dry-run"])
    assert isinstance(answer.exception, CompanionError)
