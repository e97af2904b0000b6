from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError, NotAvailable
from lib.base.places import PROFILES
from lib.worlds.profiles import check_folder, load_profile, own_folder, plain_value, profile_text


def test_a_profile_as_committed() -> None:
    profile = load_profile("scenes")
    assert (profile.name, profile.world, profile.seeds) == ("scenes", "scenes", [0, 1, 2, 3, 4])
    assert profile.splits.train == 20000
    assert load_profile("scenes", ["sae.k=" + str(profile.sae.k)], seeds=5) == profile


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
        ("scene", [], "there is no profile 'scene'; known: "),
        ("", [], "there is no profile ''; known: "),
        ("../profiles/scenes", [], "there is no profile '../profiles/scenes'; known: "),
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
        ("scenes", [f"seeds=[{2**63}]"], "profile scenes, key seeds.0: Input should be less than 9223372036854775808"),
        ("scenes", ["sae.rate=1e400"], "profile scenes, key sae.rate: Input should be a finite number (it is inf)"),
        ("scenes", ["sae.rate=NaN"], "profile scenes, key sae.rate: Input should be "),
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


@pytest.mark.parametrize("count", [0, 6, -1])
def test_too_few_or_many_seeds(count: int) -> None:
    with pytest.raises(CompanionError, match=rf"seeds={count}: profile scenes has 5 seeds; give 1 to 5"):
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


@pytest.mark.parametrize("text", ["2024", "true", "1e3", "2024-01-01", "null-island", "1_000"])
def test_a_text_that_looks_like_something_else(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / text).mkdir()
    for override in (f"folder={text}", f"folder=./{text}", f"folder={tmp_path / text}"):
        profile = load_profile(profile_text("own-arrays", [override]))
        assert profile.folder == str(tmp_path / text) and own_folder(profile) == tmp_path / text
    assert load_profile("own-pictures", [f"encoder={text}"]).encoder == str(tmp_path / text)
    (tmp_path / text).rmdir()
    assert load_profile("own-pictures", [f"encoder={text}", "folder=null"]).encoder == text
    assert load_profile("own-pictures", ['judge="7"']).judge == "7"


def test_a_relative_folder_is_the_same_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, data = tmp_path / "here", tmp_path / "data"
    for folder in (here / "mine", data / "shared", data / "both", here / "both"):
        folder.mkdir(parents=True)
    monkeypatch.setenv("COMPANION_DATA", str(data))
    monkeypatch.chdir(here)
    text = profile_text("own-arrays", ["folder=mine"])
    monkeypatch.chdir(tmp_path)
    assert load_profile(text).folder == str(here / "mine")
    monkeypatch.chdir(here)
    assert load_profile("own-arrays folder=mine/../mine/") == load_profile(text)
    assert load_profile("own-arrays", ["folder=shared"]).folder == str(data / "shared")
    with pytest.raises(CompanionError, match=r"folder=both is .*data/both and .*here/both; give one of them in full"):
        load_profile("own-arrays", ["folder=both"])
    monkeypatch.setenv("HOME", str(here))
    assert load_profile("own-arrays", ["folder=~/mine"]).folder == str(here / "mine")


def test_a_named_folder_that_is_missing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    with pytest.raises(CompanionError, match="gone: no such folder") as error:
        check_folder(load_profile("own-arrays", ["folder=gone"]))
    assert not isinstance(error.value, NotAvailable)
    (tmp_path / "file").write_text("x")
    with pytest.raises(CompanionError, match="file: a file, not a folder; --set folder="):
        check_folder(load_profile("own-arrays", [f"folder={tmp_path / 'file'}"]))
    check_folder(load_profile("own-arrays"))
    paper = load_profile("paper-1")
    check_folder(paper)
    with pytest.raises(NotAvailable, match="imagenet/train: no such folder"):
        own_folder(paper)


def test_every_key_can_be_set() -> None:
    changed = load_profile("own-pictures", ["pairs.width=64", "pairs.steps=5", "on_bad=skip"])
    assert changed.pairs is not None and (changed.pairs.width, changed.pairs.steps) == (64, 5)
    assert changed.on_bad == "skip" and load_profile("scenes", ["encoder=x"]).encoder == "x"
    assert load_profile("scenes", ["sae.rate=1e-3", "notebooks=[10]"]).notebooks == ["10"]
    with pytest.raises(CompanionError, match=r"key pairs\.steps: Field required"):
        load_profile("own-pictures", ["pairs.width=64"])
    with pytest.raises(CompanionError, match=r"no key 'pairs\.widht' to set; did you mean pairs\.width"):
        load_profile("own-pictures", ["pairs.widht=64"])


def test_values_of_yaml_are_those_of_the_command_line(tmp_path: Path) -> None:
    text = (PROFILES / "scenes.yaml").read_text().replace("name: scenes", "name: mine")
    text = re.sub("notebooks: .*", "notebooks: [0, 07, 10]", text).replace("rate: 2.0", "rate: 1e-3")
    (tmp_path / "mine.yaml").write_text(text)
    profile = load_profile("mine", folder=tmp_path)
    assert profile.notebooks == ["00", "07", "10"] and profile.sae.rate == 0.001
    (tmp_path / "mine.yaml").write_text(f"{text}\nfolder: 2024\n")
    with pytest.raises(CompanionError, match=r"key folder: .* \(it is 2024; put it into quotes\)"):
        load_profile("mine", folder=tmp_path)


def test_a_folder_of_a_model_is_the_same_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("my models/clip", "scenes-clip"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    profile = load_profile(profile_text("own-pictures", ["encoder=my models/clip", "judge=scenes-clip"]))
    assert (profile.encoder, profile.judge) == (str(tmp_path / "my models" / "clip"), "scenes-clip")
    assert load_profile("own-pictures", ["encoder=ViT-B-32 openai"]).encoder == "ViT-B-32 openai"
