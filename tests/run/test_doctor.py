"""What the doctor says of this machine, of a profile, and of a user's own folder, before anything is tried."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.base.errors import CompanionError
from lib.run.doctor import doctor
from lib.worlds.least_sizes import LEAST, check_sizes
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session

SCORED = "(at least: 16 in train, 60 in test)"
"""What the doctor says of notebook 10."""


def own_lines(profile: str, *overrides: str) -> list[str]:
    """What the doctor says after the list of data sets."""
    lines = list(doctor(profile, overrides))
    return lines[1 + max(i for i, line in enumerate(lines) if line.startswith("  imagenet-hierarchy")) :]


def parts(profile: str, *overrides: str) -> dict[str, str]:
    """What the doctor says after that, by the word or number at the beginning of the line."""
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in own_lines(profile, *overrides)}


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    """A folder of 400 rows of a user's own embeddings."""
    folder = tmp_path / "arrays"
    folder.mkdir()
    image, text = np.random.default_rng(0).standard_normal((2, 400, 4))
    np.save(folder / "image.npy", image)
    np.save(folder / "text.npy", text)
    return folder


def test_it_says_what_can_run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    lines = list(doctor("scenes"))
    assert f"  10  can run {SCORED}" in lines and "  00  can run" in lines
    state = "not here, 2.0 MiB; fetched when needed, or now by `python -m lib data fetch clip-arrays`"
    assert f"  clip-arrays          {state}" in lines
    assert f"  10  needs clip-vectors {SCORED}" in list(doctor("caltech-b32"))
    assert any(line.startswith("torch        2.13.0") for line in lines)


def test_it_says_what_a_profile_lacks(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    monkeypatch.setattr("lib.run.doctor.try_to_load_from_cache", lambda *_: None)
    found = parts("paper-1")
    assert found["folder"].startswith(f"{tmp_path}/imagenet/train: no such folder; --set folder=")
    assert "1,281,167 rows" in found["folder"] and "profiles/paper-1.yaml" in found["folder"]
    assert found["encoder"].startswith("ViT-L-14-336 openai: not here, 1,632 MiB; fetched when needed, or now by `hf ")
    assert found["judge"].startswith("ViT-B-32 openai: not here, 577 MiB")
    assert found["10"] == f"needs folder, encoder, judge {SCORED}"
    assert parts("clip-small")["10"] == f"needs flickr8k, encoder {SCORED}"
    assert parts("own-pictures")["judge"] == "none is named; --set judge=MODEL names one"


def test_it_takes_settings(cache: Path, tmp_path: Path) -> None:
    tmp_path = tmp_path / "pictures"
    tmp_path.mkdir()
    sizes = [f"splits.{split}=1" for split in ("train", "dev", "test")]
    given = [f"folder={tmp_path}", "encoder=scenes-clip", "judge=scenes-clip", *sizes]
    found = parts("own-pictures", *given)
    assert "no images in it" in found["folder"] and found["10"].startswith("needs folder, ")
    for name in "abc":
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    (tmp_path / "captions.tsv").write_text("image\tcaption")
    found = parts("own-pictures", *given)
    assert found["folder"] == f"{tmp_path}: here" and found["splits"] == "3 of 3 rows: here"
    assert found["10"] == f"needs 16 in train, 60 in test {SCORED}"
    assert found["entries"] == f"{tmp_path.name}: 3 pictures; left out: 1 unread caption file (captions.tsv)"
    (tmp_path / "captions.csv").write_text("image,caption\n")
    found = parts("own-pictures", *given)
    assert "3 of 3 pictures have no caption, first a.png" in found["folder"]
    (tmp_path / "captions.csv").write_text("image,caption\na.png,a black square\nb.png,a square\nc.png,black\n")
    pairs = [*given[:2], "splits.train=2", "splits.dev=1", "splits.test=2"]
    found = parts("paper-4", *pairs)
    assert found["splits"].startswith("5 rows, and there are 3; --set splits.train=N --set splits.dev=N ")
    assert found["41"] == "needs splits (at least: 2 in train, 2 in test, captions)"
    for name in "de":
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    found = parts("paper-4", *pairs, "on_bad=skip")
    assert found["splits"].startswith("5 rows, and there are 3; "), "pictures without captions are left out"
    with (tmp_path / "captions.csv").open("a") as file:
        file.write("d.png,dark\ne.png,night\n")
    assert parts("paper-4", *pairs)["41"] == "can run (at least: 2 in train, 2 in test, captions)"
    for name in ("nothing", str(tmp_path)):
        assert "no folder with open_clip_config.json" in parts("paper-4", given[0], f"encoder={name}")["encoder"]


@pytest.mark.parametrize("number", LEAST)
def test_it_agrees_with_the_studies_at_and_just_below_the_least_sizes(number: str, arrays: Path, cache: Path) -> None:
    least = LEAST[number](load_profile("own-arrays"))
    enough = {"train": least.train, "dev": least.dev, "test": least.test}
    for split in (None, *least.sizes):
        have = enough if split is None else {**enough, split: enough[split] - 1}
        given = [f"folder={arrays}", *(f"splits.{one}={number}" for one, number in have.items())]
        session, said = open_session("00_x", load_profile("own-arrays", given)), parts("own-arrays", *given)[number]
        if split is None:
            check_sizes(session, least)
            assert said == f"can run (at least: {least.line()})"
        else:
            assert said == f"needs {enough[split]} in {split} (at least: {least.line()})"
            with pytest.raises(CompanionError, match=rf"needs at least .*{enough[split]} in {split}"):
                check_sizes(session, least)


def test_the_least_sizes_follow_the_settings(arrays: Path, cache: Path) -> None:
    found = parts("own-arrays", f"folder={arrays}", "pairs.width=7", "pairs.steps=1")
    assert found["23"].endswith("(at least: 10 in train, 2 in dev, 10 in test, captions)")
    found = parts("own-arrays", f"folder={arrays}", "pairs.width=63", "pairs.steps=1")
    assert found["23"].endswith("(at least: 32 in train, 2 in dev, 10 in test, captions)")


def test_it_counts_the_rows_of_arrays_and_looks_for_captions_and_a_judge(arrays: Path, cache: Path) -> None:
    for test, enough in ((60, True), (61, False)):
        found = parts("own-arrays", f"folder={arrays}", "splits.train=300", "splits.dev=40", f"splits.test={test}")
        assert found["splits"].endswith(": here") == enough
        assert [found[number].startswith("can run") for number in LEAST] == [enough] * len(LEAST)
    fits = [f"folder={arrays}", "splits.train=300", "splits.dev=40", "splits.test=60"]
    (arrays / "text.npy").rename(arrays / "judge.npy")
    found = parts("own-arrays", *fits)
    assert found["captions"] == "none; add text.npy, or a column text of embeddings.parquet" and found["10"].startswith(
        "can run"
    )
    assert all("needs captions" in found[number] for number in LEAST if number != "10")
    (arrays / "judge.npy").unlink()
    found = parts("own-arrays", *fits)
    assert found["judge"] == "none; add judge.npy, or a column judge, or captions"
    assert found["10"].startswith("needs judge ") and found["20"].startswith("needs judge, captions ")


@pytest.mark.data
def test_it_finds_real_files(cache: Path, data_root: Path) -> None:
    assert "  03  can run" in list(doctor("scenes"))
