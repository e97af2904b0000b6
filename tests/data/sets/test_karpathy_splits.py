"""Karpathy's splits in both forms, every error line, and the real files' counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data.captions import each_caption
from lib.data.sets.coco_captions import coco_val2017
from lib.data.sets.karpathy_splits import coco_karpathy, read_karpathy
from tests.data.sets.published import COCO, blip, own_form, put


def test_karpathy_in_both_forms(tmp_path: Path) -> None:
    one = read_karpathy(put(tmp_path, "t.json", blip("cat", "cow")), "coco", "test", size=2)
    two = read_karpathy(put(tmp_path, "d.json", own_form()), "coco", "test", size=2)
    assert one.ids.tolist() == two.ids.tolist() == ["val2014/cat.jpg", "val2014/cow.jpg"]
    assert one.captions == (("A cat.", "one cat more"), ("A cow.", "one cow more"))
    assert two.captions == (("A cat.",), ("A cow.",))
    assert one.identity != two.identity and one.identity["split"] == "test"
    flickr = {**own_form("flickr30k"), "images": [{**image, "filepath": ""} for image in own_form()["images"]]}
    assert read_karpathy(put(tmp_path, "f.json", flickr), "flickr30k", "train", size=1).ids.tolist() == ["dog.jpg"]


@pytest.mark.parametrize(
    ("value", "dataset", "split", "says"),
    [
        (blip("cat"), "coco", "tset", "no Karpathy split 'tset' of 'coco'; known: coco: train"),
        (blip("cat"), "flickr9k", "test", "of 'flickr9k'"),
        (COCO, "coco", "test", "whose images are not those of Karpathy's test split"),
        (own_form(), "flickr30k", "test", "this is 'coco', not 'flickr30k'"),
        (own_form(), "coco", "val", "no image of split 'val' in it"),
        (blip("cat"), "coco", "test", "has 5000 images and this file 1: it is cut off"),
        ([{"image": "val2017/1.jpg", "caption": ["a"]}], "coco", "test", "1.jpg is not from val2014"),
        ([{"image": "val2014/1.jpg", "caption": "a"}], "coco", "test", "'caption' is of type str, not list"),
        ([{"image": "val2014/1.jpg"}], "coco", "test", "image 0: no field 'caption'"),
        (blip("cat", "cat"), "coco", "test", "image val2014/cat.jpg appears twice"),
        ("3", "coco", "test", "neither a list"),
    ],
)
def test_wrong_karpathy_files(tmp_path: Path, value: Any, dataset: str, split: str, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        read_karpathy(put(tmp_path, "k.json", value), dataset, split)


def test_no_file_of_a_training_split() -> None:
    with pytest.raises(CompanionError, match="Karpathy split 'train' is known; known: val, test"):
        coco_karpathy("train")


# The published files. No text of theirs is written here, only what was counted.


@pytest.mark.data
def test_the_two_sets_called_coco_5k(data_root: Path, cache: Path) -> None:
    test, val = coco_karpathy("test"), coco_val2017()
    assert len(test) == len(val) == 5000
    owner = each_caption(test)[1]
    assert len(owner) == 25010 and sorted(np.unique(np.bincount(owner), return_counts=True)[1]) == [10, 4990]
    assert len(each_caption(val)[1]) == 25014
    assert not {name[-16:] for name in test.ids} & {name[-16:] for name in coco_karpathy("val").ids}
    assert {name[-16:] for name in test.ids} & {name[-16:] for name in val.ids} != {name[-16:] for name in val.ids}
