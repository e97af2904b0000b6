"""Index and search over a folder of rendered scenes, one of them broken, from the command line."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from lib.apps import picture_vectors
from lib.apps.given import typed_captions
from lib.apps.search import PictureSearch, open_search, search_folder
from lib.base.errors import CompanionError
from lib.data.pairs import Pairs
from lib.data.scenes import scenes
from lib.run import cli
from lib.worlds.profiles import load_profile

SMALL = ["splits.train=120", "splits.dev=5", "splits.test=10"]
SETTINGS = ["--profile", "scenes", *(part for setting in SMALL for part in ("--set", setting))]
runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path, cache: Path) -> Path:
    """Twelve scenes and a broken picture."""
    pictures = tmp_path / "pictures"
    (pictures / "more").mkdir(parents=True)
    for number in range(12):
        draw(pictures / ("more" if number % 2 else ".") / f"{number:02d}.png", number)
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    return pictures


def draw(path: Path, number: int) -> None:
    images = scenes("test", 12).images
    assert images is not None
    images[number].save(path)


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The ids that each call of `embed` for a folder is given."""
    calls: list[list[str]] = []
    true = picture_vectors.embed

    def noted(pairs: Pairs, *args: Any, **kwargs: Any) -> Any:
        calls.append(pairs.ids.tolist())
        return true(pairs, *args, **kwargs)

    monkeypatch.setattr(picture_vectors, "embed", noted)
    return calls


def test_index_names_what_it_cannot_read(folder: Path) -> None:
    answer = runner.invoke(cli.app, ["index", str(folder), *SETTINGS])
    assert answer.exit_code == 0, answer.output
    assert f"12 of 13 pictures in {folder} embedded by scenes-clip" in answer.output
    assert "pictures: 13 pictures; left out: 1 unreadable picture (broken.jpg)" in answer.output
    assert "ready to be searched" in answer.output


def test_search_ranks_all_readable_pictures_by_cosine(folder: Path) -> None:
    captions = ["a red cat", "a blue car"]
    answer = runner.invoke(cli.app, ["search", str(folder), *captions, "-k", "4", *SETTINGS])
    assert answer.exit_code == 0, answer.output
    lines = [line.split() for line in answer.output.splitlines() if line.endswith(".png")]
    assert [int(line[0]) for line in lines] == [1, 2, 3, 4] * 2
    assert answer.output.index("a red cat:") < answer.output.index("a blue car:")
    search = open_search(folder, load_profile("scenes", SMALL))
    text = search.encoder.encode_texts(captions)
    cosines = (text / np.linalg.norm(text, axis=1, keepdims=True)) @ search.pictures.tower("image").T
    for number in range(2):
        best = np.argsort(-cosines[number], kind="stable")[:4]
        found = lines[4 * number : 4 * number + 4]
        assert [line[2] for line in found] == search.pictures.ids[best].tolist()
        np.testing.assert_allclose([float(line[1]) for line in found], cosines[number, best], atol=6e-4)


def test_only_new_and_changed_pictures_are_embedded_again(folder: Path, embedded: list[list[str]]) -> None:
    profile = load_profile("scenes", SMALL)
    first = open_search(folder, profile).pictures
    assert len(embedded) == 1 and len(embedded[0]) == 13
    again = open_search(folder, profile).pictures
    assert len(embedded) == 1 and (again.ids == first.ids).all()
    np.testing.assert_array_equal(again.tower("image"), first.tower("image"))
    draw(folder / "00.png", 5)  # changed
    draw(folder / "new.png", 3)
    (folder / "02.png").unlink()
    draw(folder / "broken.jpg", 7)  # repaired
    os.utime(folder / "04.png", ns=(1, 1))  # by its time, it may be another picture
    changed = open_search(folder, profile).pictures
    assert embedded[1:] == [["00.png", "04.png", "broken.jpg", "new.png"]]
    assert changed.ids.tolist() == sorted({*first.ids.tolist(), "new.png", "broken.jpg"} - {"02.png"})
    rows = dict(zip(changed.ids.tolist(), changed.tower("image"), strict=True))
    old = dict(zip(first.ids.tolist(), first.tower("image"), strict=True))
    np.testing.assert_allclose(rows["new.png"], old["more/03.png"], atol=1e-5)
    np.testing.assert_allclose(rows["00.png"], old["more/05.png"], atol=1e-5)
    assert np.abs(rows["00.png"] - old["00.png"]).max() > 0.01


def test_a_damaged_store_is_made_anew(folder: Path, cache: Path, embedded: list[list[str]]) -> None:
    profile = load_profile("scenes", SMALL)
    open_search(folder, profile)
    (store,) = (cache / "pictures").glob("*.npz")
    store.write_bytes(store.read_bytes()[:100])
    assert len(open_search(folder, profile).pictures) == 12
    assert len(embedded) == 2


def test_nothing_that_can_be_read_is_left(folder: Path) -> None:
    profile = load_profile("scenes", SMALL)
    open_search(folder, profile)
    for path in folder.rglob("*.png"):
        path.unlink()
    with pytest.raises(CompanionError, match="none of its pictures can be read; check where they come from"):
        open_search(folder, profile)


def test_captions_are_asked_for_and_a_strange_one_ends_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(encoder: object, caption: str) -> None:
        if caption == "犬":
            raise CompanionError("knows nothing of '犬'")

    monkeypatch.setattr("lib.apps.search.check_query", check)
    answer = runner.invoke(
        cli.app, ["search", str(folder), "-k", "2", *SETTINGS], input="a red cat\n犬\na car\n\nnot read\n"
    )
    assert answer.exit_code == 0, answer.output
    assert answer.output.count(".png") == 4 and "knows nothing of '犬'" in answer.output
    assert "a car:" in answer.output and "not read" not in answer.output
    refused = runner.invoke(cli.app, ["search", str(folder), "a car", "犬", *SETTINGS])
    assert isinstance(refused.exception, CompanionError)


def test_a_hint_where_nothing_is_near(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hint = "the folder may hold no such picture: 90% of right pairs score over "
    profile = load_profile("scenes", SMALL)
    for far, said in ((2.0, True), (-2.0, False), (None, False)):
        monkeypatch.setattr(PictureSearch, "far", far)
        assert any(line.startswith(hint) for line in search_folder(folder, ["a cat"], profile)) == said


def test_a_contact_sheet(folder: Path, tmp_path: Path) -> None:
    draw(folder / "<i>&.png", 1)
    sheet = tmp_path / "sheet.html"
    answer = runner.invoke(cli.app, ["search", str(folder), "a <red> cat", "-k", "99", "--html", str(sheet), *SETTINGS])
    assert answer.exit_code == 0, answer.output
    page = sheet.read_text()
    assert f"{sheet}, 0." in answer.output and "open it in a browser" in answer.output
    assert page.count('<img src="data:image/webp;base64,') == 13 and "a &lt;red&gt; cat" in page
    assert "&lt;i&gt;&amp;.png" in page and "<i>" not in page and "{{" not in page
    assert not re.search(r"(src|href)=.(?!data:)", page), "it fetches nothing"
    shown = re.findall(r"<b>(.*?)</b><br>(-?\d\.\d{3})</figcaption>", page)
    assert len(shown) == 13 and [score for _, score in shown] == sorted((s for _, s in shown), key=float, reverse=True)


def test_a_sheet_that_cannot_be_written_is_refused_first(folder: Path) -> None:
    refused = runner.invoke(cli.app, ["search", str(folder), "a cat", "--html", str(folder), *SETTINGS])
    assert "is a folder; name a file in it" in str(refused.exception)


def test_a_model_of_ones_own(folder: Path) -> None:
    """The shipped scenes-clip by its name, in a profile whose own encoder cannot be had."""
    answer = runner.invoke(
        cli.app, ["search", str(folder), "a cat", "--encoder", "scenes-clip", "--profile", "photos-gap"]
    )
    assert answer.exit_code == 0, answer.output
    assert "embedded by scenes-clip" in answer.output and "right pairs" not in answer.output
    refused = runner.invoke(cli.app, ["search", str(folder), "a cat", "--encoder", "scene-clip"])
    assert "encoder 'scene-clip': neither a folder nor a shipped model" in str(refused.exception)


@pytest.mark.parametrize("caption", ["", "   ", "\n"])
def test_an_empty_caption_is_refused_before_anything_is_read(tmp_path: Path, caption: str) -> None:
    answer = runner.invoke(cli.app, ["search", str(tmp_path), caption])
    assert isinstance(answer.exception, CompanionError)
    assert str(answer.exception) == "the caption is empty; say in words what to look for"


def test_what_is_no_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of another encoding, in an argument and on standard input."""
    answer = runner.invoke(cli.app, ["search", str(tmp_path), os.fsdecode(b"caf\xe9")])
    assert "the caption 'caf\\udce9' is not UTF-8 text; set the terminal to UTF-8" in str(answer.exception)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a dog\ncaf\xe9\n"), encoding="utf-8"))
    with pytest.raises(CompanionError, match="the captions on standard input are not UTF-8 text; save them as UTF-8"):
        list(typed_captions())


def test_the_end_of_a_long_caption_is_told(folder: Path) -> None:
    lines = [*search_folder(folder, ["a red cat " * 100], load_profile("scenes", SMALL))]
    assert any(re.fullmatch(r"only the first \d+ tokens of the text are read", line) for line in lines)


def test_a_world_without_an_encoder(folder: Path) -> None:
    with pytest.raises(CompanionError, match="world clip-arrays has embeddings but no encoder"):
        next(search_folder(folder, ["a cat"], load_profile("clip-arrays")))


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match="no such folder"):
        next(search_folder(tmp_path / "none", ["a cat"], load_profile("scenes")))
