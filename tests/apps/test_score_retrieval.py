"""Retrieval benchmarks on tiny files and rendered pictures, against scores made one by one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from lib.apps import score_retrieval
from lib.apps.score_protocols import score_encoder
from lib.base.errors import CompanionError
from lib.data.captions import each_caption
from lib.data.pairs import Pairs
from lib.data.scenes import scenes
from lib.data.sets.eccv_caption import Positives
from lib.data.sets.rococo import Altered
from lib.data.sets.sugarcrepe import HardNegatives
from lib.encoders.clip import ClipEncoder, load_clip

N = 6


def captions(words: str) -> Pairs:
    names = np.array([f"val2014/{i}.png" for i in range(N)])
    texts = tuple((f"A {words} {i} .", f"{words} number {i}") for i in range(N))
    return Pairs(names, None, texts, {"tiny": words})


@pytest.fixture
def photos(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """COCO's folder with N pictures in either year, and readers that know only these."""
    images = scenes("test", N).images
    assert images is not None
    for year in ("val2014", "val2017"):
        (tmp_path / year).mkdir()
        for i in range(N):
            images[i].save(tmp_path / year / f"{i}.png")
    items = HardNegatives("swap_att", ("0.png", "1.png", "0.png"), ("cat", "dog", "sun"), ("dog", "cat", "moon"), {})
    monkeypatch.setattr(score_retrieval, "coco_karpathy", lambda split: captions("cat"))
    monkeypatch.setattr(score_retrieval, "rococo", lambda kind: Altered(captions("cat"), captions("dog")))
    monkeypatch.setattr(score_retrieval, "sugarcrepe", lambda subset: items)
    monkeypatch.setattr(score_retrieval, "SUBSETS", {"swap_att": 3})
    return tmp_path


@pytest.fixture(scope="module")
def clip() -> ClipEncoder:
    return load_clip("scenes-clip")


def cosines(clip: ClipEncoder, texts: list[str]) -> np.ndarray:
    images = scenes("test", N).images
    assert images is not None
    parts = clip.encode_images([images[i] for i in range(N)]), clip.encode_texts(texts)
    image, text = (part.astype(np.float64) / np.linalg.norm(part, axis=1, keepdims=True) for part in parts)
    return image @ text.T


def flat(pairs: Pairs) -> list[str]:
    return [text for (text,) in each_caption(pairs)[0].captions or ()]


def test_coco(photos: Path, clip: ClipEncoder) -> None:
    table = score_encoder("coco-karpathy", clip, photos).set_index("direction")
    scores, owner = cosines(clip, flat(captions("cat"))), np.repeat(np.arange(N), 2)
    hits = [owner[row.argmax()] == i for i, row in enumerate(scores)]
    assert table.loc["image to text", "R@1"] == pytest.approx(100 * np.mean(hits))
    assert table.loc["text to image", "R@1"] == pytest.approx(100 * np.mean(scores.argmax(axis=0) == owner))
    assert (table["captions cut off"] == 0).all() and (table["R@10"] == 100).iloc[1]


def test_rococo(photos: Path, clip: ClipEncoder) -> None:
    table = score_encoder("rococo", clip, photos)
    assert table["style"].tolist() == ["as published", "plain"] * 4
    scores = cosines(clip, flat(captions("cat")) + flat(captions("dog")))
    fooled = np.mean(scores.argmax(axis=1) >= 2 * N)
    assert table.loc[0, "false rate"] == pytest.approx(100 * fooled)
    plain = cosines(clip, flat(Altered(captions("cat"), captions("dog")).plain().originals))
    hits = [row.argmax() // 2 == i for i, row in enumerate(plain)]
    assert table.loc[1, "clean R@1"] == pytest.approx(100 * np.mean(hits))


def test_sugarcrepe(photos: Path, clip: ClipEncoder) -> None:
    table = score_encoder("sugarcrepe", clip, photos).set_index("subset")
    scores = cosines(clip, ["cat", "dog", "sun", "moon"])
    right = [scores[0, 0] > scores[0, 1], scores[1, 1] > scores[1, 0], scores[0, 2] > scores[0, 3]]
    assert table.loc["swap_att", "accuracy"] == pytest.approx(100 * np.mean(right)) and table.loc["mean", "items"] == 3


def test_what_is_missing(photos: Path, clip: ClipEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CompanionError, match=r"no protocol 'rococco'; did you mean rococo\?"):
        score_encoder("rococco", clip, photos)
    (photos / "val2014" / "3.png").unlink()
    with pytest.raises(CompanionError, match=r"1 of 6 pictures are missing, first val2014/3\.png"):
        score_encoder("coco-karpathy", clip, photos)
    with pytest.raises(CompanionError, match="no such folder"):
        score_encoder("coco-karpathy", clip, photos / "none")


def image_files(folder: Path, names: list[str]) -> list[str]:
    """The first rendered pictures under these names."""
    images = scenes("test", N).images
    assert images is not None
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        images[i].save(folder / name, "PNG")  # whatever its ending, its bytes say what it is
    return names


def test_val2017(tmp_path: Path, cache: Path, clip: ClipEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    image_files(tmp_path / "val2017", [f"{i}.png" for i in range(N)])
    pairs = Pairs(np.array([f"{i}.png" for i in range(N)]), None, captions("cat").captions, {"tiny": "val2017"})
    monkeypatch.setattr(score_retrieval, "coco_val2017", lambda: pairs)
    table = score_encoder("coco-val2017", clip, tmp_path).set_index("direction")
    scores, owner = cosines(clip, flat(pairs)), np.repeat(np.arange(N), 2)
    assert table.loc["text to image", "R@1"] == pytest.approx(100 * np.mean(scores.argmax(axis=0) == owner))


def test_descriptions_are_scored_as_paragraphs_and_as_sentences(tmp_path: Path, cache: Path, clip: ClipEncoder) -> None:
    names = image_files(tmp_path / "images", [f"test_{i}.jpg" for i in range(N)])
    first, second = [f"A red cat {i}." for i in range(N)], [f"It has {i} dogs." for i in range(N)]
    lines = [
        {"image_file": name, "split": "test", "description": f"{a} {b}"}
        for name, a, b in zip(names, first, second, strict=True)
    ]
    (tmp_path / "docci_descriptions.jsonlines").write_text("\n".join(map(json.dumps, lines)))
    table = score_encoder("docci", clip, tmp_path).set_index(["captions", "direction"])
    whole = cosines(clip, [f"{a} {b}" for a, b in zip(first, second, strict=True)])
    hits = whole.argmax(axis=0) == np.arange(N)
    assert table.loc[("paragraphs", "text to image"), "R@1"] == pytest.approx(100 * hits.mean())
    each = cosines(clip, [text for both in zip(first, second, strict=True) for text in both])
    hits = each.argmax(axis=0) == np.repeat(np.arange(N), 2)
    assert table.loc[("sentences", "text to image"), "R@1"] == pytest.approx(100 * hits.mean())


def test_dci_has_its_own_layout(tmp_path: Path, cache: Path, clip: ClipEncoder) -> None:
    (tmp_path / "annotations").mkdir()
    for i, name in enumerate(image_files(tmp_path / "photos", ["sa_0.jpg", "sa_1.jpg"])):
        record = {"image": name, "short_caption": f"A cat {i}.", "extra_caption": "It sleeps."}
        (tmp_path / "annotations" / f"{i}.json").write_text(json.dumps(record))
    assert len(score_encoder("dci", clip, tmp_path)) == 4


def test_iiw_finds_pictures_whose_names_have_no_ending(
    tmp_path: Path, cache: Path, clip: ClipEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_files(tmp_path, ["IIW-400/a.jpg", "DCI_Test/b.jpg"])
    pairs = Pairs(np.array(["IIW-400/a", "DCI_Test/b.jpg"]), None, (("A cat.",), ("A dog.",)), {"tiny": "iiw"})
    monkeypatch.setattr(score_retrieval, "iiw", lambda: pairs)
    assert score_encoder("iiw", clip, tmp_path)["captions"].tolist() == ["paragraphs"] * 2 + ["sentences"] * 2


def test_eccv(tmp_path: Path, cache: Path, clip: ClipEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    image_files(tmp_path / "val2014", [f"COCO_val2014_{i:012d}.jpg" for i in range(N)])
    texts = [f"a cat {i}" for i in range(2 * N)]
    images = [{"id": i, "file_name": f"COCO_val2014_{i:012d}.jpg"} for i in range(N)]
    notes = [{"id": 100 + i, "image_id": i // 2, "caption": text} for i, text in enumerate(texts)]
    (tmp_path / "annotations").mkdir()
    file = tmp_path / "annotations" / "captions_val2014.json"
    file.write_text(json.dumps({"images": images, "annotations": notes}))
    right = np.repeat(np.eye(N, dtype=bool), 2, axis=1)
    right[0, 5] = True
    asked = right.copy()
    asked[3] = False  # no query
    found = Positives(np.arange(N), 100 + np.arange(2 * N), sp.csr_array(asked), sp.csr_array(right.T.copy()))
    monkeypatch.setattr(score_retrieval, "positives", lambda source: found)
    table = score_encoder("eccv", clip, tmp_path)
    assert table.source.tolist() == ["original"] * 2 + ["cxc"] * 2 + ["eccv"] * 2
    assert table.queries.tolist() == [N - 1, 2 * N] * 3
    scores = cosines(clip, texts)
    precision = []
    for row, wanted in zip(scores, asked, strict=True):
        if wanted.any():
            best = np.argsort(-row, kind="stable")[: wanted.sum()]
            precision.append(wanted[best].mean())
    assert table["R-Precision"][0] == pytest.approx(100 * np.mean(precision))
    first = [wanted[column.argmax()] for column, wanted in zip(scores.T, right.T, strict=True)]
    assert table["R@1"][1] == pytest.approx(100 * np.mean(first))
    file.write_text(json.dumps({"images": images, "annotations": notes[1:]}))
    with pytest.raises(CompanionError, match=r"captions_val2014\.json: no caption 100; give COCO's own file"):
        score_encoder("eccv", clip, tmp_path)
