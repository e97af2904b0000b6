from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.data.errors import CompanionError
from lib.run.places import PROFILES
from lib.run.profiles import load_profile, plain_value, profile_text


def test_a_profile_as_committed() -> None:
    profile = load_profile("scenes")
    assert (profile.name, profile.world, profile.seeds) == ("scenes", "scenes", [0, 1, 2])
    assert profile.splits.train == 20000
    assert load_profile("scenes", ["sae.k=" + str(profile.sae.k)], seeds=3) == profile


def test_a_changed_profile_has_a_name_of_its_own() -> None:
    changed = load_profile("scenes", ["sae.steps=7", "seeds=[4,5]"])
    assert (changed.sae.steps, changed.seeds) == (7, [4, 5])
    assert changed.name.startswith("scenes~")
    assert (
        changed
        == load_profile("scenes sae.steps=7 seeds=[4,5]")
        == load_profile("scenes", ["seeds=[4,5]", "sae.steps=7"])
    )
    assert changed.name != load_profile("scenes", ["sae.steps=8", "seeds=[4,5]"]).name
    assert load_profile("scenes").sae.steps != 7


def test_the_first_seeds() -> None:
    assert load_profile("scenes", seeds=2).seeds == [0, 1]
    assert load_profile("scenes", seeds=2) == load_profile("scenes seeds=[0,1]")


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("scene", [], "there is no profile 'scene'; known: clip-arrays, clip-small, "),
        ("", [], "there is no profile ''; known: clip-arrays, clip-small, "),
        ("../profiles/scenes", [], "there is no profile '../profiles/scenes'; known: clip-arrays, clip-small, "),
        ("scenes", ["sae.stesp=3"], "profile scenes has no key 'sae.stesp' to set; did you mean sae.steps"),
        ("scenes", ["sae.k.x=3"], "profile scenes has no key 'sae.k.x' to set; did you mean sae.k"),
        ("scenes", ["name=mine"], "profile scenes has no key 'name' to set; "),
        ("scenes", ["sae.steps"], "'sae.steps' is not key=value"),
        ("scenes", ["=3"], "'=3' is not key=value"),
        ("scenes", ["sae.steps=many"], "profile scenes, key sae.steps: Input should be a valid integer (it is 'many')"),
        ("scenes", ["sae.steps=true"], "profile scenes, key sae.steps: Input should be a valid integer (it is True)"),
        ("scenes", ["sae.steps=1.0"], "profile scenes, key sae.steps: Input should be a valid integer (it is 1.0)"),
        ("scenes", ["sae.steps=0"], "profile scenes, key sae.steps: Input should be greater than or equal to 1"),
        ("scenes", ["seeds=[]"], "profile scenes, key seeds: List should have at least 1 item"),
        ("scenes", ["seeds=[1,1]"], "profile scenes, key seeds: an entry appears twice; keep one (it is [1, 1])"),
        ("scenes", ["sae=3"], "profile scenes, key sae: "),
        ("scenes", ["sae={}"], "profile scenes, key sae.k: Field required"),
        ("scenes", ['sae={"kk":3}'], "profile scenes has an unknown key 'sae.kk'; did you mean sae.k"),
        ("scenes", ["world=scene"], "profile scenes, key world: Input should be 'scenes', 'sounds', 'clip-arrays', "),
    ],
)  # fmt: skip
def test_bad_settings_are_one_line(name: str, overrides: list[str], message: str) -> None:
    with pytest.raises(CompanionError) as error:
        load_profile(name, overrides)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("count", [0, 4, -1])
def test_too_few_or_many_seeds(count: int) -> None:
    with pytest.raises(CompanionError, match=rf"seeds={count}: profile scenes has 3 seeds; give 1 to 3"):
        load_profile("scenes", seeds=count)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("device: cpu", "devise: cpu", "unknown key 'devise'; did you mean device"),
        ("steps: 500", "stepz: 500", "unknown key 'sae.stepz'; did you mean sae.steps"),
        ("device: cpu", "device: cpu\ndevice: cuda", "key 'device' appears twice; keep one"),
        ("name: scenes", "name: other", "profile mine calls itself 'other'"),
        ("needs: []", "", "key needs: Field required"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (PROFILES / "scenes.yaml").read_text()
    assert text.count(old) == 1
    text = text.replace(old, new).replace("name: scenes", "name: mine")
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(CompanionError) as error:
        load_profile("mine", folder=tmp_path)
    assert message in str(error.value)


def test_a_file_without_keys(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("just words\n")
    with pytest.raises(CompanionError, match="profile mine holds no keys and values"):
        load_profile("mine", folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("1e-3", 0.001), ("true", True), ("null", None), ("[0, 1]", [0, 1]), ("cuda", "cuda"), ('"3"', "3")],
)
def test_values_on_the_command_line(text: str, value: object) -> None:
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


@given(st.integers(1, 10**6), st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True))
def test_a_profile_passes_through_one_text(steps: int, seeds: list[int]) -> None:
    overrides = [f"sae.steps={steps}", f"seeds={seeds}", "device=cuda"]
    text = profile_text("scenes", overrides)
    assert load_profile(text) == load_profile("scenes", overrides)
    assert profile_text("scenes", []) == "scenes"


def test_values_with_spaces_stay_whole() -> None:
    folder, encoder = "/home/me/my pictures", "ViT-B-32 openai"
    text = profile_text("own-pictures", [f"folder={folder}", f"encoder={encoder}", f'judge="{encoder}"'])
    assert len(text.split()) == 4
    profile = load_profile(text)
    assert (profile.folder, profile.encoder, profile.judge) == (folder, encoder, encoder)
