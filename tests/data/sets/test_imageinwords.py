"""ImageInWords: what is read, every error line, and the real files' counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.data.captions import count_words, sentences
from lib.data.sets.imageinwords import iiw, read_iiw
from tests.data.sets.published import lines, put


def test_descriptions(tmp_path: Path) -> None:
    path = put(tmp_path, "i.jsonl", lines({"image/key": "k", "IIW": "One. Two."}, {"image": "m", "IIW": "Three"}))
    pairs = read_iiw(path)
    assert pairs.ids.tolist() == ["k", "m"] and pairs.captions == (("One. Two.",), ("Three",))
    assert count_words(pairs).tolist() == [2, 1] and count_words(sentences(pairs)).tolist() == [1, 1, 1]
    with pytest.raises(CompanionError, match="line 2: no field 'DOCCI'"):
        read_iiw(put(tmp_path, "j.jsonl", lines({"image": "k", "DOCCI": "x"}, {"image": "l"})), "DOCCI")


# The published files. No text of theirs is written here, only what was counted.


@pytest.mark.data
def test_real_descriptions(data_root: Path, cache: Path) -> None:
    long = iiw()
    assert (
        len(long) == 612 and 190 < count_words(long).mean() < 200 and 9 < len(count_words(sentences(long))) / 612 < 11
    )
