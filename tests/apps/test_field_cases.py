"""Faults that users of systems like this one met, on the same files: a folder for each case, in `../shared/cases`.

Each represents a kind of fault, whose other forms are tested with its reader; where the folder is absent, only those
tests run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.base.places import fix_places, results_root
from lib.data.formats.caption_files import find_captions
from lib.data.formats.folders import picture_folder, with_captions
from lib.data.formats.own_vectors import own_vectors
from lib.data.formats.webdataset import caption_shards
from lib.metrics.retrieval import retrieval
from lib.metrics.rows import count_copies
from lib.papers.common import ms_scores
from lib.run.grid import grid_tasks, load_grid
from lib.sae.formats.saelens import load_saelens
from lib.worlds import own_pictures
from lib.worlds.open_world import open_world
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session
from tests.apps.test_train_dictionaries import trained
from tests.encoders.examples import Toy

SMALL = ["splits.train=20", "splits.dev=5", "splits.test=5"]


@pytest.fixture
def cases(data_root: Path) -> Path:
    """The folder of cases beside that of the data."""
    folder = data_root.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: no cases to test on")
    return folder


@pytest.fixture
def case(cases: Path, request: pytest.FixtureRequest) -> Path:
    """The folder of the case that a test is named after."""
    return cases / request.node.name.removeprefix("test_").replace("_", "-")


def captions(folder: Path) -> dict[str, tuple[str, ...]]:
    """The captions of a folder's pictures, by name."""
    file = find_captions(folder)
    assert file is not None
    pairs = with_captions(picture_folder(folder), file)
    return dict(zip(pairs.ids.tolist(), pairs.captions or (), strict=True))


def test_captions_other_names(case: Path) -> None:
    assert captions(case / "Captions_csv")
    for folder in sorted(case.iterdir()):
        if folder.is_dir() and folder.name != "Captions_csv":
            tally = picture_folder(folder).tally
            assert tally is not None and len(tally.left_out["unread caption file"]) == 1, folder


def test_captions_space_before_quote(case: Path) -> None:
    assert all('"' not in text for texts in captions(case / "pictures").values() for text in texts)


def test_captions_unquoted_comma(case: Path) -> None:
    with pytest.raises(CompanionError, match=r"captions\.csv, line \d+: \d+ fields in place of 2"):
        captions(case / "pictures")


def test_captions_windows_path(case: Path) -> None:
    assert list(captions(case / "pictures")) == ["sub/a.jpg"]


def test_each_picture_twice(case: Path) -> None:
    image, text = np.load(case / "image.npy"), np.load(case / "text.npy")
    found = retrieval(image, text)
    assert count_copies(image) == len(image) // 2
    for side in (found.image_to_text, found.text_to_image):
        assert (side.recall(1), side.credited_recall(1), side.credited_recall(2)) == (0.0, 0.5, 1.0)


def test_fewer_than_60_test_rows(case: Path, cache: Path) -> None:
    sizes = ["splits.train=100", "splits.dev=50", "splits.test=50"]
    session = open_session("10_x", load_profile("own-arrays", [f"folder={case / 'vectors'}", *sizes]))
    with pytest.raises(CompanionError, match="needs at least 16 in train, 60 in test, and there are 100 in train, 50"):
        ms_scores.scored(session)


def test_folder_named_2024(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case)
    world = open_world(load_profile("own-arrays", ["folder=2024", "splits.train=1", "splits.dev=1", "splits.test=1"]))
    assert len(world.embeddings("test")) == 1


def test_grid_1e_3(case: Path) -> None:
    tasks = grid_tasks(load_grid(case / "grid.yaml"), load_profile("scenes"))
    assert 1e-3 in [load_profile(task.profile).sae.rate for _, task in tasks]


def test_grid_number_without_quotes(case: Path) -> None:
    assert load_grid(case / "grid.yaml").notebooks == ["10"]


def test_npy_is_lfs_pointer(case: Path) -> None:
    with pytest.raises(CompanionError, match="Git LFS pointer") as error:
        own_vectors(case / "vectors")
    assert "pickle" not in str(error.value)


def test_one_bad_picture_of_many(case: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_pictures, "open_model", lambda name: Toy())
    settings = [f"folder={case / 'pictures'}", "splits.train=2", "splits.dev=1", "splits.test=1"]
    with pytest.raises(CompanionError, match=r"1 of 5 .*bad\.jpg.*on_bad=skip"):
        open_world(load_profile("own-pictures", settings)).embeddings("test")
    world = open_world(load_profile("own-pictures", [*settings, "on_bad=skip"]))
    assert sum(len(world.embeddings(split)) for split in world.splits) == 4
    tally = world.tally(read=True)
    assert tally is not None and tally.left_out["unreadable picture"] == ("bad.jpg",)


def test_parquet_beats_npy(case: Path) -> None:
    with pytest.raises(CompanionError, match=r"image\.npy and embeddings\.parquet both hold embeddings; keep one"):
        own_vectors(case / "vectors")


def test_relative_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tests/run/test_batch.py` runs a kernel there."""
    monkeypatch.chdir(tmp_path)
    for name in ("COMPANION_RESULTS", "COMPANION_CACHE"):
        monkeypatch.setenv(name, "out")
    fix_places()
    monkeypatch.chdir("/")
    assert results_root() == tmp_path / "out"


def test_saelens_topk_without_k(case: Path) -> None:
    with pytest.raises(CompanionError, match=r"cfg\.json: no entry '\w+', which decides what the dictionary computes"):
        load_saelens(case / "sae")


def test_saelens5_topk_loads_as_relu(case: Path) -> None:
    with pytest.raises(CompanionError, match="entry 'activation_fn_kwargs' is not one of SAELens 6"):
        load_saelens(case / "sae")


def test_stray_tar_wins(case: Path) -> None:
    with pytest.raises(CompanionError, match=r"old\.tar and .* are two kinds of data in one folder"):
        caption_shards(case / "pictures")


def test_train_pair_recipe(cases: Path, cache: Path) -> None:
    vectors = cases / "fewer-than-60-test-rows" / "vectors"
    sizes = [*SMALL, "pairs.width=32", "pairs.steps=2", "pairs.batch=10"]
    (line,) = trained([f"folder={vectors}", *sizes], "--recipe", "vl_sae", "--k", "2")
    assert line.startswith("vl_sae ") and "text: FVU" in line


def test_unread_endings(case: Path) -> None:
    pairs = picture_folder(case / "pictures")
    assert pairs.ids.tolist() == ["a.jpg", "b.jfif", "c.jpe"] and pairs.tally is not None
    assert pairs.tally.left_out == {"unread .avif picture": ("d.avif",), "unread .heic picture": ("IMG_1.HEIC",)}


def test_every_case_has_a_test(cases: Path) -> None:
    here: dict[str, Callable[..., None]] = dict(globals())
    names = {path.name for path in cases.iterdir() if path.is_dir()}
    assert {name for name in names if f"test_{name.replace('-', '_')}" not in here} == set()
