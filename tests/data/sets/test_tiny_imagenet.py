"""Labels and taxonomy of Tiny-ImageNet: small files in the true format, damage in one line, and the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.data.sets.tiny_imagenet import RANKS, class_names, label_facts, read_labels, read_paths, tiny_imagenet

TREE = "e l\nl a\na m\nm c\nc n00000001\nm n00000002\ne t\nt n00000003\n"


def written(folder: Path, text: str) -> Path:
    (folder / "f.txt").write_text(text)
    return folder / "f.txt"


def test_paths_are_realm_group_and_leaf(tmp_path: Path) -> None:
    found = read_paths(written(tmp_path, TREE))
    assert found == {"n00000001": ("a", "m", "n00000001"), "n00000002": ("a", "m", "n00000002")}, "n...3 is too shallow"


@pytest.mark.parametrize(
    ("reader", "text", "says"),
    [
        (read_paths, "e l\ne l\n", "f.txt, line 2: not a parent and a new child"),
        (read_paths, "e\n", "f.txt, line 1: not a parent"),
        (read_paths, "a b\nb c\nc a\nb d\n", "f.txt: d is its own ancestor"),
        (read_labels, "a.JPEG\tn1\t0\n", "f.txt, line 1: not a picture and its class"),
        (read_labels, "a.JPEG\tn00000001\na.JPEG\tn00000002\n", "f.txt, line 2: a.JPEG appears twice"),
        (class_names, "n00000001 cat\n", "f.txt: a line without id, tab and name"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, reader, text: str, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        reader(written(tmp_path, text))


def test_facts_have_one_value_a_rank() -> None:
    facts = label_facts([("a", "m", "x"), ("a", "m", "y"), ("b", "n", "z")])
    assert facts.names == ("realm:a", "realm:b", "group:m", "group:n", "kind:x", "kind:y", "kind:z")
    assert (facts.truth.sum(axis=1) == 3).all() and (facts.mentioned[:, 0].sum(axis=1) == 1).all()


@pytest.mark.data
def test_the_real_files(data_root: Path, cache: Path) -> None:
    pairs = tiny_imagenet()
    assert len(pairs) == 9050 and pairs.images is not None and pairs.facts is not None
    assert [len(pairs.facts.group(rank)) for rank in RANKS] == [7, 23, 181]
    assert set(pairs.facts.truth[:, pairs.facts.group("kind")].sum(axis=0)) == {50}
    assert pairs.images[0].size == (64, 64)
    few = tiny_imagenet(["val_1267.JPEG", "val_1230.JPEG"])
    assert few.ids.tolist() == ["val_1267.JPEG", "val_1230.JPEG"] and few.identity != pairs.identity
    assert np.array_equal(few.facts.truth.sum(axis=1), [3, 3])  # type: ignore[union-attr]
