"""RoCOCO's altered captions: what is read, every error line, and the real files' counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lib.base.errors import CompanionError
from lib.data.captions import each_caption
from lib.data.sets.karpathy_splits import read_karpathy
from lib.data.sets.rococo import FILES, plain_style, read_rococo, rococo
from tests.data.sets.published import put


def five(name: str) -> dict[str, Any]:
    return {"image": f"val2014/{name}.jpg", "caption": [f"A {name}, number {i} ." for i in range(5)]}


def test_rococo(tmp_path: Path) -> None:
    originals = read_karpathy(put(tmp_path, "t.json", [five("cat"), five("cow")]), "coco", "test", size=2)
    altered = [{**one, "caption": one["caption"] + [f"a dog, number {i}" for i in range(5)]} for one in (five("cat"),)]
    altered.append({**five("cow"), "caption": five("cow")["caption"] + five("cow")["caption"]})
    both = read_rococo(put(tmp_path, "r.json", altered), originals)
    assert both.altered.captions is not None and both.altered.captions[0][4] == "a dog, number 4"
    assert both.altered.ids.tolist() == originals.ids.tolist()
    assert both.unchanged() == 5 and both.plain().unchanged() == 5
    assert both.plain().originals.captions[0][0] == "a cat, number 0"  # type: ignore[index]
    assert both.plain().altered.identity != both.altered.identity
    for wrong, says in (
        (altered[:1], "1 images where the split has 2"),
        ({"a": 1}, "no list of images where"),
        (altered[::-1], "image 0: not val2014/cat.jpg with its own captions first"),
        (
            [altered[0], {**altered[1], "caption": altered[1]["caption"][:-1]}],
            "image 1: 4 altered captions in place of 5",
        ),
    ):
        with pytest.raises(CompanionError, match=rf"r\.json.*{says}"):
            read_rococo(put(tmp_path, "r.json", wrong), originals)


def test_plain_style() -> None:
    styles = ("A man on a Horse.", "a man on a horse", " A  man on a horse . ", "A man on a horse !")
    assert {plain_style(text) for text in styles} == {"a man on a horse"}
    assert plain_style("A man , on a horse") == "a man, on a horse"


def test_unknown_parts() -> None:
    with pytest.raises(CompanionError, match="no file 'x'"):
        rococo("x")


# The published files. No text of theirs is written here, only what was counted.


@pytest.mark.data
def test_real_rococo(data_root: Path, cache: Path) -> None:
    for kind, unchanged in zip(FILES, (0, 0, 0, 3), strict=True):
        both = rococo(kind)
        assert len(each_caption(both.originals)[1]) == 25010 and len(each_caption(both.altered)[1]) == 25000
        assert both.unchanged() == unchanged
