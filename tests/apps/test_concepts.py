"""A user's own pictures in words, from the command line, on rendered scenes and the small model made for them."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from lib.apps.concepts import name_concepts
from lib.apps.score_protocols import PROTOCOLS, score_encoder
from lib.apps.search import open_search, search_folder
from lib.apps.words import read_words
from lib.base.errors import CompanionError
from lib.data.scenes import scenes
from lib.data.scenes.scene_words import KIND_NAMES
from lib.encoders.class_texts import class_texts
from lib.run import cli
from lib.worlds.profiles import load_profile

SMALL = ["splits.train=400", "splits.dev=5", "splits.test=10", "sae.steps=100", "sae.batch=64"]
LINE = re.compile(r"(\d\d\.png): (.+)")


@pytest.fixture
def folder(tmp_path: Path, cache: Path) -> Path:
    """Four scenes and a broken picture."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    images = scenes("test", 4).images
    assert images is not None
    for number in range(4):
        images[number].save(pictures / f"{number:02d}.png")
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    return pictures


SETTINGS = [part for setting in SMALL for part in ("--set", setting)]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("\n".join([*KIND_NAMES, "", KIND_NAMES[0]]))
    return path


def test_each_picture_has_its_nearest_words(folder: Path, words: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.html"
    command = ["concepts", str(folder), "--words", str(words), "-k", "3", "--html", str(sheet), "--profile", "scenes"]
    answer = CliRunner().invoke(cli.app, [*command, *SETTINGS])
    assert answer.exit_code == 0, answer.output
    lines = dict(match.groups() for match in map(LINE.match, answer.output.splitlines()) if match)
    assert sorted(lines) == ["00.png", "01.png", "02.png", "03.png"]
    profile = load_profile("scenes", SMALL)
    search = open_search(folder, profile)
    vectors = class_texts(search.encoder, KIND_NAMES, ["a photo of {}"])
    cosines = search.pictures.tower("image") @ vectors.T
    for row, line in enumerate(lines.values()):
        named, values = zip(*(part.rsplit(" ", 1) for part in line.split(", ")), strict=True)
        best = np.argsort(-cosines[row], kind="stable")[:3]
        assert list(named) == [KIND_NAMES[place] for place in best]
        np.testing.assert_allclose([float(value) for value in values], cosines[row, best], atol=6e-3)
    assert len(set(lines.values())) > 1
    assert "pictures: 5 pictures; left out: 1 unreadable picture (broken.jpg)" in answer.output
    assert f"words.txt: {len(KIND_NAMES)} words; left out: 1 repeated word ({KIND_NAMES[0]})" in answer.output
    assert f"4 pictures, each by the nearest of {len(KIND_NAMES)} words; 0 of 256 latents have a name" in answer.output
    page = sheet.read_text()
    assert page.count("<figure>") == 4 and lines["00.png"] in page


def test_latents_are_shown_by_names_that_were_tested(
    folder: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "lib.apps.concepts.names_that_pass", lambda session, sae, vectors: {n: n % 7 for n in range(200)}
    )
    answer = CliRunner().invoke(
        cli.app, ["concepts", str(folder), "--words", str(words), "--profile", "scenes", *SETTINGS]
    )
    assert answer.exit_code == 0, answer.output
    latents = [line.split("; latents: ")[1] for line in answer.output.splitlines() if "; latents: " in line]
    assert latents and "200 of 256 latents have a name that captions bear out" in answer.output
    for line in latents:
        named, values = zip(*(part.rsplit(" ", 1) for part in line.split(", ")), strict=True)
        assert len(set(named)) == len(named) <= 5 and set(named) <= set(KIND_NAMES[:7])
        assert (np.diff([float(value) for value in values]) <= 0).all() and float(values[-1]) > 0


def test_a_model_of_ones_own_has_no_latents(folder: Path, words: Path) -> None:
    command = ["concepts", str(folder), "--words", str(words), "--encoder", "scenes-clip", "--profile", "photos"]
    answer = CliRunner().invoke(cli.app, command)
    assert answer.exit_code == 0, answer.output
    assert answer.output.count(".png: ") == 4 and "latents" not in answer.output


def test_words(tmp_path: Path) -> None:
    assert len(read_words()[0]) > 300
    path = tmp_path / "words.txt"
    path.write_text("\ufeff a dog \r\n\r\na cat\r\nA Dog\r\n")
    words, tally = read_words(path)
    assert words == ["a dog", "a cat"] and tally.line() == "words.txt: 2 words; left out: 1 repeated word (A Dog)"
    path.write_bytes("café\nthé".encode("cp1252"))
    with pytest.raises(CompanionError, match=r"words\.txt: not UTF-8 text \(line 1, byte 3\); save it as UTF-8"):
        read_words(path)
    path.write_bytes("a dog\na cat".encode("utf-16"))
    with pytest.raises(CompanionError, match=r"words\.txt: UTF-16 text"):
        read_words(path)
    path.write_text("a dog\n")
    with pytest.raises(CompanionError, match=r"words\.txt has fewer than two words; write one per line"):
        read_words(path)
    with pytest.raises(CompanionError, match="no such file; check the name"):
        read_words(tmp_path / "none.txt")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match="no such folder"):
        next(name_concepts(tmp_path / "none", load_profile("scenes"), ["a", "b"]))


def test_an_encoder_that_reads_no_captions_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = SimpleNamespace(name="judge", encode_texts=None)
    monkeypatch.setattr("lib.apps.picture_vectors.open_model", lambda name: judge)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    for lines in (
        name_concepts(tmp_path, load_profile("scenes"), ["cat", "dog"], model="judge"),
        search_folder(tmp_path, ["a cat"], load_profile("scenes"), model="judge"),
    ):
        with pytest.raises(CompanionError, match="judge has no text tower; search and concepts need one that reads"):
            next(lines)
    with pytest.raises(CompanionError, match="judge has no text tower; retrieval needs one"):
        score_encoder(next(iter(PROTOCOLS)), judge, tmp_path)  # type: ignore[arg-type]


def test_words_that_the_encoder_does_not_know_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.apps.concepts.unknown", lambda encoder, words: np.array([word == "犬" for word in words]))
    with pytest.raises(CompanionError, match="scenes-clip knows nothing of 1 word, first '犬'; drop them"):
        next(name_concepts(folder, load_profile("scenes", SMALL), ["cat", "犬", "dog"]))


def test_words_whose_end_is_not_read_are_refused(folder: Path) -> None:
    with pytest.raises(CompanionError, match=r"does not read the end of 1 word, first '(red ){15}'; drop them"):
        next(name_concepts(folder, load_profile("scenes", SMALL), ["cat", "red " * 100]))
