"""Estimates: what would be trained is what notebooks train, and the arithmetic from small pieces to the whole."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from lib.data.errors import CompanionError, NotAvailable
from lib.run import estimate as module
from lib.run.cli import app
from lib.run.places import NOTEBOOKS, find_notebook
from lib.run.profiles import PairSettings, Profile, load_profile
from lib.run.runner import read_notebook
from lib.run.studies import split, vl_concepts
from lib.sae.config import SAEConfig, TrainConfig

LISTS = {
    "10": "study.recipes(session)",
    "11": "study.recipes(session)",
    "20": "vl_concepts.ARMS",
    "23": "vl_concepts.ARMS",
    "24": "vl_concepts.ARMS",
    "30": "split.ARMS, session.seeds",
    "31": "split.ARMS | split.MORE_ARMS",
    "41": "text_editing.fit_editors(session)",
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
    assert len(module.new_runs("20", profile, known)) == 2 * (len(vl_concepts.MAIN) + 2)
    assert len(module.new_runs("23", profile, known)) == 2 * len(vl_concepts.SWEEP)
    assert len(module.new_runs("24", profile, known)) == 2 * (1 + len(vl_concepts.ABLATIONS))
    assert len(module.new_runs("30", profile, known)) == 2 * len(split.ARMS)
    matched = 1  # two dictionaries of half the width
    assert len(module.new_runs("31", profile, known)) == 2 * (len(split.MORE_ARMS) + matched)
    assert module.new_runs("31", profile, known) == []


def test_sizes_are_those_of_the_profile():
    runs = module.new_runs("30", small("sae.k=5"), set())
    assert {(run.config.sae.width, run.config.sae.k, run.config.steps) for run in runs} == {(300, 5, 7)}


def test_a_large_step_grows_as_rows_times_latents(a_second_each):
    config = TrainConfig(SAEConfig("topk", module.LATENTS, 4), steps=3, batch=module.ROWS)
    assert module.step_seconds(config, 8, "image", "cpu") == 1.0
    wide = replace(config, batch=2 * module.ROWS, sae=replace(config.sae, width=3 * module.LATENTS))
    assert module.step_seconds(wide, 8, "image", "cpu") == 6.0


def test_the_cost_of_trainings(a_second_each):
    profile = small("seeds=[0]")
    runs = module.new_runs("30", profile, set())
    cost, d = module.training_cost(runs, profile, "cpu"), module.dimensions(profile)
    weights = 2 * d * 300 * 4
    assert cost.seconds == 7 * len(runs)
    assert cost.disk == weights * len(runs)
    assert cost.memory == 20_000 * 2 * d * 4 + 4 * weights + 2 * 128 * 2 * 300 * 4


def test_a_published_architecture_needs_no_weights(a_second_each):
    assert module.dimensions(load_profile("clip-small")) == 512
    cost = module.embedding_cost("ViT-B-32 openai", 1000, "cpu")
    assert cost.seconds == 1000 / module.PICTURES
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
    assert answer.output.splitlines()[-1] == "not counted: notebooks 00, 03, whose sizes are their own"


@pytest.mark.parametrize("words", [["99"], ["10", "-p", "sead=1"], ["10", "--set", "sae.step=1"]])
def test_bad_input_is_told_as_by_a_run(words):
    answer = CliRunner().invoke(app, ["run", *words, "--dry-run"])
    assert isinstance(answer.exception, CompanionError)
