"""Pictures of one's own in words, from the command line, on rendered scenes and the small model made for them."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from lib.data.errors import CompanionError
from lib.data.scenes import scenes
from lib.data.scenes.vocabulary import KIND_NAMES
from lib.run import cli
from lib.run.concepts import concepts, read_words
from lib.run.profiles import load_profile
from lib.run.protocols import PROTOCOLS, score
from lib.run.search import search_folder

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


def test_each_picture_has_its_strongest_concepts(folder: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("\n".join([*KIND_NAMES, "", KIND_NAMES[0]]))
    settings = [part for setting in SMALL for part in ("--set", setting)]
    command = ["concepts", str(folder), "--words", str(words), "-k", "3", "--profile", "scenes", *settings]
    answer = CliRunner().invoke(cli.app, command)
    assert answer.exit_code == 0, answer.output
    lines = dict(match.groups() for match in map(LINE.match, answer.output.splitlines()) if match)
    assert sorted(lines) == ["00.png", "01.png", "02.png", "03.png"]
    for line in lines.values():
        named, values = zip(*(part.rsplit(" ", 1) for part in line.split(", ")), strict=True)
        assert len(set(named)) == len(named) <= 3 and set(named) <= set(KIND_NAMES)
        assert (np.diff([float(value) for value in values]) <= 0).all() and float(values[-1]) > 0
    assert len(set(lines.values())) > 1
    assert "1 cannot be read and are left out: broken.jpg" in answer.output
    assert f"4 pictures, 256 latents, each called by the nearest of {len(KIND_NAMES)} words" in answer.output


def test_words(tmp_path: Path) -> None:
    assert len(read_words()) > 300
    path = tmp_path / "words.txt"
    path.write_text(" a dog \n\na cat\na dog\n")
    assert read_words(path) == ["a dog", "a cat"]
    path.write_text("a dog\n")
    with pytest.raises(CompanionError, match=r"words\.txt has fewer than two words; write one a line"):
        read_words(path)
    with pytest.raises(CompanionError, match="no such file; give a file of words"):
        read_words(tmp_path / "none.txt")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match="no such folder"):
        next(concepts(tmp_path / "none", load_profile("scenes"), ["a", "b"]))


def test_an_encoder_that_reads_no_captions_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = SimpleNamespace(name="judge", encode_texts=None)
    monkeypatch.setattr("lib.run.concepts.embedded", lambda pairs, profile: (judge, None))
    monkeypatch.setattr("lib.run.search.embedded", lambda pairs, profile: (judge, None))
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    for lines in (
        concepts(tmp_path, load_profile("scenes"), ["cat", "dog"]),
        search_folder(tmp_path, "a cat", load_profile("scenes")),
    ):
        with pytest.raises(CompanionError, match=r"judge has no text tower; .* a profile whose encoder reads captions"):
            next(lines)
    with pytest.raises(CompanionError, match="judge has no text tower; retrieval needs one"):
        score(next(iter(PROTOCOLS)), judge, tmp_path)  # type: ignore[arg-type]
