"""Captions of every kind: text passes whole through files, store and encoder; anything else is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.data.captions import split_sentences
from lib.data.formats.folders import picture_folder, with_captions
from lib.data.pairs import Pairs
from lib.encoders.clip import ClipEncoder, load_clip
from lib.encoders.store import embed
from lib.encoders.truncation import token_lengths
from tests.encoders.examples import Toy
from tests.trust.common import Tried, listing, one_line

CAPTIONS = {
    "ten thousand words": "a red umbrella on a striped wall " * 1429,
    "one endless word": "umbrella" * 500,
    "one letter": "a",
    "emoji": "a 🐶 and a 🏳️‍🌈 and 👩‍👩‍👧‍👦",
    "right to left": "كلب أحمر على العشب، כלב אדום",
    "a turned direction": "a dog \u202etac a",
    "marks upon marks": "z" + "\u0301" * 1000,
    "no spaces between words": "一只红色的狗在草地上",
    "control characters": "a\x00dog\x07with\x1bescapes\x7f",
    "spaces of all kinds": "a\u00a0dog\u2003on\u200bgrass\u2028there\ufeff",
    "markup": "<script>alert(1)</script> &lt;b&gt; &#0; %s {0} {c} ${HOME} \\",
    "code": "'); import os; os.system('true') #",
    "special tokens": "<start_of_text> a dog <end_of_text> a cat",
    "digits": "9" * 3000,
}
BLANK = {"empty": "", "spaces": "  \t ", "lines": "\n\n"}
BROKEN = {"half a character": "a dog \ud83d", "its other half": "\udc36"}

RANDOM = 25

TRIED = [
    Tried("captions of every kind", len(CAPTIONS), "whole through CSV, JSON lines, store and encoder; finite vectors"),
    Tried("blank captions", len(BLANK), "one line with file and line"),
    Tried("captions that are not Unicode", len(BROKEN), "one line"),
    Tried("random Unicode", RANDOM, "a finite vector that no neighbour in the batch changes"),
]


@pytest.fixture(scope="module")
def encoder() -> ClipEncoder:
    return load_clip("scenes-clip")


def pictures(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name in names:
        Image.new("RGB", (4, 4)).save(folder / name)
    return folder


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    if path.suffix == ".csv":
        with open(path, "w", newline="", encoding="utf-8", errors="surrogatepass") as stream:
            csv.writer(stream).writerows([("image", "caption"), *rows])
    else:
        path.write_text("".join(json.dumps({"image": name, "caption": text}) + "\n" for name, text in rows))
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_every_caption_comes_back_whole(tmp_path: Path, cache: Path, kind: str) -> None:
    names = [f"{i:02d}.png" for i in range(len(CAPTIONS))]
    rows = list(zip(names, CAPTIONS.values(), strict=True))
    pairs = with_captions(picture_folder(pictures(tmp_path / "p", names)), write(tmp_path / f"c.{kind}", rows))
    assert pairs.captions == tuple((text.strip() if kind == "csv" else text,) for text in CAPTIONS.values())
    stored = embed(pairs, Toy(), towers=("text",))
    np.testing.assert_array_equal(stored.tower("text"), Toy().encode_texts([one for (one,) in pairs.captions or ()]))


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("text", BLANK.values(), ids=BLANK)
def test_a_blank_caption_is_told(tmp_path: Path, kind: str, text: str) -> None:
    folder = pictures(tmp_path / "p", ["a.png", "b.png"])
    path = write(tmp_path / f"c.{kind}", [("a.png", "a dog"), ("b.png", text)])
    before = listing(tmp_path)
    with one_line(f"c.{kind}, line ", "empty" if kind == "jsonl" else "no caption"):
        with_captions(picture_folder(folder), path)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_half_a_character_is_told(tmp_path: Path, encoder: ClipEncoder, kind: str, text: str) -> None:
    folder = pictures(tmp_path / "p", ["a.png"])
    with one_line(f"c.{kind}", "not UTF-8" if kind == "csv" else "is not Unicode"):
        with_captions(picture_folder(folder), write(tmp_path / f"c.{kind}", [("a.png", text)]))
    with one_line("scenes-clip: the text", "is not Unicode"):
        encoder.encode_texts(["a dog", text])


def test_a_real_encoder_reads_every_caption_as_if_it_were_alone(encoder: ClipEncoder) -> None:
    texts = list(CAPTIONS.values())
    together = encoder.encode_texts(texts)
    assert together.shape == (len(texts), encoder.dim) and np.isfinite(together).all()
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(encoder.encode_texts([text])[0], vector, atol=1e-4)
    assert (token_lengths(encoder, texts) > 0).all()


@settings(max_examples=RANDOM)
@given(text=st.text(min_size=1, max_size=80))
def test_any_text_has_a_finite_vector_of_its_own(encoder: ClipEncoder, text: str) -> None:
    beside = encoder.encode_texts(["a dog", text])
    assert np.isfinite(beside).all()
    np.testing.assert_allclose(encoder.encode_texts([text])[0], beside[1], atol=1e-4)


@pytest.mark.parametrize("text", CAPTIONS.values(), ids=CAPTIONS)
def test_sentences_of_any_caption_are_captions(text: str, cache: Path) -> None:
    parts = split_sentences(text)
    assert parts and all(part.strip() for part in parts)
    pairs = Pairs(np.array(["a"]), None, (tuple(parts),), {"made": text})
    assert len(embed(pairs, Toy(), towers=("text",))) == 1
