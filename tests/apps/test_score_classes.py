"""Zero-shot classification of folders in their three layouts, against scores made by hand."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from lib.apps.score_classes import read_labelled, score_labelled, score_zero_shot
from lib.base.errors import CompanionError
from lib.data.scenes import scenes
from lib.encoders.class_texts import class_texts, imagenet
from lib.encoders.clip import ClipEncoder, load_clip
from lib.metrics.intervals import wilson
from tests.data.formats.files import put, shard

CLASSES = ("cat", "dog", "sun")
LABELS = (0, 1, 2, 1, 1, 0)


@pytest.fixture(scope="module")
def clip() -> ClipEncoder:
    return load_clip("scenes-clip")


def pictures() -> list[bytes]:
    images = scenes("test", len(LABELS)).images
    assert images is not None
    streams = [io.BytesIO() for _ in LABELS]
    for i, stream in enumerate(streams):
        images[i].save(stream, "PNG")
    return [stream.getvalue() for stream in streams]


def in_shards(folder: Path) -> None:
    files = {"classnames.txt": "\n".join(CLASSES), "zeroshot_classification_templates.txt": "a {c}\none {c}"}
    put(folder, files)
    members = {}
    for i, (label, picture) in enumerate(zip(LABELS, pictures(), strict=True)):
        members |= {f"s{i}.png": picture, f"s{i}.cls": str(label)}
    shard(folder / "test" / "0.tar", members)


def in_folders(folder: Path) -> None:
    put(folder, {f"n{label}/{i}.png": one for i, (label, one) in enumerate(zip(LABELS, pictures(), strict=True))})
    put(folder, {"LOC_synset_mapping.txt": "".join(f"n{i} {name}, a {name}\n" for i, name in enumerate(CLASSES))})


def by_hand(clip: ClipEncoder, templates: tuple) -> float:
    images = scenes("test", len(LABELS)).images
    assert images is not None
    scores = clip.encode_images(list(images)).astype(np.float64) @ class_texts(clip, CLASSES, templates).T
    return float(100 * (scores.argmax(axis=1) == LABELS).mean())


def test_shards_by_their_own_templates(tmp_path: Path, cache: Path, clip: ClipEncoder) -> None:
    in_shards(tmp_path / "set")
    (row,) = score_zero_shot(clip, tmp_path / "set").to_dict("records")
    assert row["n"] == 6 and row["classes"] == 3 and row["templates"] == 2
    assert row["accuracy"] == pytest.approx(by_hand(clip, ("a {}", "one {}")))


def test_folders_by_the_templates_of_imagenet(tmp_path: Path, cache: Path, clip: ClipEncoder) -> None:
    in_folders(tmp_path / "train")
    (row,) = score_zero_shot(clip, tmp_path / "train").to_dict("records")
    assert row["templates"] == 80
    assert row["accuracy"] == pytest.approx(by_hand(clip, imagenet()[1]))
    sure = wilson(round(row["accuracy"] * 6 / 100), 6)
    assert (row["low"], row["high"]) == (pytest.approx(100 * sure.low), pytest.approx(100 * sure.high))


def test_the_mean_per_class_gives_classes_the_same_weight(tmp_path: Path, cache: Path, clip: ClipEncoder) -> None:
    in_folders(tmp_path / "train")
    labelled = read_labelled(tmp_path / "train")
    (row,) = score_labelled(clip, labelled, ("a {}",)).to_dict("records")
    scores = clip.encode_images(list(labelled.pairs.images or ())) @ class_texts(clip, CLASSES, ("a {}",)).T
    hits = scores.argmax(axis=1) == labelled.labels
    assert row["mean per class"] == pytest.approx(100 * np.mean([hits[labelled.labels == c].mean() for c in range(3)]))


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    import pyarrow.parquet as pq

    rows = [{"bytes": one, "path": "x"} for one in pictures()]
    pq.write_table(pa.table({"image": rows, "label": list(LABELS)}), tmp_path / "a.parquet")
    with pytest.raises(CompanionError, match=r"classnames\.txt: no such file"):
        read_labelled(tmp_path)
    put(tmp_path, {"classnames.txt": "\n".join(CLASSES)})
    found = read_labelled(tmp_path)
    assert found.classes == CLASSES and found.labels.tolist() == list(LABELS)


def test_what_cannot_be_scored(tmp_path: Path, cache: Path, clip: ClipEncoder) -> None:
    with pytest.raises(CompanionError, match="no such folder"):
        score_zero_shot(clip, tmp_path / "none")
    put(tmp_path / "one", {"a/0.png": pictures()[0]})
    with pytest.raises(CompanionError, match="all pictures are of one class"):
        score_zero_shot(clip, tmp_path / "one")
