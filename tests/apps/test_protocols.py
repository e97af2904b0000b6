"""The table of the benchmark files that are here."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.apps import protocols


def test_counts_say_what_is_not_here(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    table = protocols.counts()
    assert len(table) == len(protocols.PROTOCOL_COUNTS) and (table.images == 0).all()
    assert table.note[0] == "not here; run `python -m lib data fetch coco-karpathy`"


@pytest.mark.data
def test_counts_of_the_real_files(data_root: Path, cache: Path) -> None:
    table = protocols.counts().set_index("what")
    assert table.captions["COCO, Karpathy's test"] == 25010 and table.captions["COCO, val2017"] == 25014
    assert (table.loc[[what for what in table.index if what.startswith("RoCOCO")], "captions"] == 25000).all()
    assert table.images["right pairs, eccv"] == 1261 and table.images["IIW, paragraphs"] == 612
