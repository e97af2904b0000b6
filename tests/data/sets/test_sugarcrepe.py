"""SugarCrepe's hard negatives: what is read, every error line, and the real files' counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.data.sets.coco_captions import coco_val2017
from lib.data.sets.sugarcrepe import SUBSETS, read_sugarcrepe, sugarcrepe
from tests.data.sets.published import put


def test_sugarcrepe(tmp_path: Path) -> None:
    item = {"filename": "1.jpg", "caption": "A cat.", "negative_caption": "A dog."}
    items = read_sugarcrepe(put(tmp_path, "swap_obj.json", {"0": item, "3": item}))
    assert (items.subset, len(items), items.images) == ("swap_obj", 2, ("1.jpg", "1.jpg"))
    assert items.captions[1] == "A cat." and items.negatives[0] == "A dog."
    for wrong, says in (
        ([item], "not an object of numbered items"),
        ({}, "not an object of numbered items"),
        ({"0": {"filename": "1.jpg", "caption": "x"}}, "item 0: no field 'negative_caption'"),
        ({"0": {**item, "caption": "A dog."}}, "item 0: the negative caption is the caption"),
    ):
        with pytest.raises(CompanionError, match=says):
            read_sugarcrepe(put(tmp_path, "s.json", wrong))


def test_sugarcrepe_of_another_size_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"0": {"filename": "a.jpg", "caption": "A cat.", "negative_caption": "A dog."}}
    monkeypatch.setattr("lib.data.sets.sugarcrepe.locate", lambda dataset, path: put(tmp_path, path, one))
    with pytest.raises(CompanionError, match=f"swap_att has {SUBSETS['swap_att']} items and this file 1; get it again"):
        sugarcrepe("swap_att")


def test_unknown_parts() -> None:
    with pytest.raises(CompanionError, match="no subset 'x'"):
        sugarcrepe("x")


# The published files. No text of theirs is written here, only what was counted.


@pytest.mark.data
def test_real_sugarcrepe(data_root: Path, cache: Path) -> None:
    val = set(coco_val2017().ids)
    assert sum(len(sugarcrepe(subset)) for subset in SUBSETS) == 7511
    assert all(set(sugarcrepe(subset).images) <= val for subset in SUBSETS)
