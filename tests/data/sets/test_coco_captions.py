"""COCO's own caption files: what is read, and every error line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lib.base.errors import CompanionError
from lib.data.sets.coco_captions import coco_texts, read_coco
from tests.data.sets.published import COCO, blip, own_form, put


def test_coco_annotations(tmp_path: Path) -> None:
    path = put(tmp_path, "captions_val2017.json", COCO)
    pairs = read_coco(path)
    assert pairs.ids.tolist() == ["7.jpg", "9.jpg"] and pairs.captions == (("A cat.",), ("A cow.", "A brown cow."))
    assert coco_texts(path) == {1: "A cow.", 2: "A cat.", 3: "A brown cow."}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (blip("cat"), "read a Karpathy split with lib.data.sets.karpathy_splits"),
        (own_form(), "read a Karpathy split"),
        ({**COCO, "images": COCO["images"] * 2}, "image 2: image id 7 appears twice"),
        ({**COCO, "annotations": COCO["annotations"] * 2}, "annotation 3: annotation id 1 appears twice"),
        ({**COCO, "images": COCO["images"][:1]}, "annotation 0: image 9 is not in the file"),
        ({**COCO, "annotations": COCO["annotations"][:1]}, "image 7.jpg has no caption"),
        ({"images": []}, "no field 'annotations'"),
    ],
)
def test_wrong_coco_annotations(tmp_path: Path, value: Any, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        read_coco(put(tmp_path, "c.json", value))
