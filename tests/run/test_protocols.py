"""Protocols on tiny files and rendered pictures, against scores made one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lib.data.captions import each_caption
from lib.data.errors import CompanionError
from lib.data.pairs import Pairs
from lib.data.rococo import Altered
from lib.data.scenes import scenes
from lib.data.sugarcrepe import HardNegatives
from lib.encoders.clip import ClipEncoder, load_clip
from lib.run import protocols

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
    monkeypatch.setattr(protocols, "coco_karpathy", lambda split: captions("cat"))
    monkeypatch.setattr(protocols, "rococo", lambda kind: Altered(captions("cat"), captions("dog")))
    monkeypatch.setattr(protocols, "sugarcrepe", lambda subset: items)
    monkeypatch.setattr(protocols, "SIZES", {"swap_att": 3})
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
    table = protocols.score("coco-karpathy", clip, photos).set_index("direction")
    scores, owner = cosines(clip, flat(captions("cat"))), np.repeat(np.arange(N), 2)
    hits = [owner[row.argmax()] == i for i, row in enumerate(scores)]
    assert table.loc["image to text", "R@1"] == pytest.approx(100 * np.mean(hits))
    assert table.loc["text to image", "R@1"] == pytest.approx(100 * np.mean(scores.argmax(axis=0) == owner))
    assert (table["captions cut off"] == 0).all() and (table["R@10"] == 100).iloc[1]


def test_rococo(photos: Path, clip: ClipEncoder) -> None:
    table = protocols.score("rococo", clip, photos)
    assert table["style"].tolist() == ["as published", "plain"] * 4
    scores = cosines(clip, flat(captions("cat")) + flat(captions("dog")))
    fooled = np.mean(scores.argmax(axis=1) >= 2 * N)
    assert table.loc[0, "false rate"] == pytest.approx(100 * fooled)
    plain = cosines(clip, flat(Altered(captions("cat"), captions("dog")).plain().originals))
    hits = [row.argmax() // 2 == i for i, row in enumerate(plain)]
    assert table.loc[1, "clean R@1"] == pytest.approx(100 * np.mean(hits))


def test_sugarcrepe(photos: Path, clip: ClipEncoder) -> None:
    table = protocols.score("sugarcrepe", clip, photos).set_index("subset")
    scores = cosines(clip, ["cat", "dog", "sun", "moon"])
    right = [scores[0, 0] > scores[0, 1], scores[1, 1] > scores[1, 0], scores[0, 2] > scores[0, 3]]
    assert table.loc["swap_att", "accuracy"] == pytest.approx(100 * np.mean(right)) and table.loc["mean", "items"] == 3


def test_what_is_missing(photos: Path, clip: ClipEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CompanionError, match=r"no protocol 'rococco'; did you mean rococo\?"):
        protocols.score("rococco", clip, photos)
    (photos / "val2014" / "3.png").unlink()
    with pytest.raises(CompanionError, match=r"1 of 6 pictures missing, first val2014/3\.png"):
        protocols.score("coco-karpathy", clip, photos)
    with pytest.raises(CompanionError, match="no such folder"):
        protocols.score("coco-karpathy", clip, photos / "none")


def test_counts_say_what_is_not_here(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    table = protocols.counts()
    assert len(table) == len(protocols.COUNTS) and (table.images == 0).all()
    assert table.note[0] == "not here; run `python -m lib data fetch coco-karpathy`"


@pytest.mark.data
def test_counts_of_the_real_files(data_root: Path, cache: Path) -> None:
    table = protocols.counts().set_index("what")
    assert table.captions["COCO, Karpathy's test"] == 25010 and table.captions["COCO, val2017"] == 25014
    assert (table.loc[[what for what in table.index if what.startswith("RoCOCO")], "captions"] == 25000).all()
    assert table.images["right pairs, eccv"] == 1261 and table.images["IIW, paragraphs"] == 612
