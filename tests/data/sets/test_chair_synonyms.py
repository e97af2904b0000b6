"""CHAIR's published synonyms: a small file by hand, and the real one where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.data.sets.chair_synonyms import read_synonyms, singular


def test_mentions(tmp_path: Path) -> None:
    path = tmp_path / "synonyms.txt"
    path.write_text("person, man, baby, people\ndog, puppy\nhot dog\nelephant\ntrain\ntoilet\nwine glass\nknife\n")
    synonyms = read_synonyms(path)
    assert synonyms.mentions("Two men with hot dogs and a puppy, near a dog.") == ["person", "hot dog", "dog", "dog"]
    assert synonyms.mentions("a baby elephant on train tracks") == ["elephant"]
    assert synonyms.mentions("the toilet seat, wine glasses and knives") == ["toilet", "wine glass", "knife"]
    assert synonyms.mentions("nothing here") == []


def test_singulars() -> None:
    words = {"cats": "cat", "boxes": "box", "buses": "bus", "bus": "bus", "glasses": "glass", "puppies": "puppy"}
    assert {word: singular(word) for word in words} == words


def test_missing_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    with pytest.raises(CompanionError, match="cannot read"):
        read_synonyms(tmp_path / "none")
    with pytest.raises(CompanionError, match="empty has no"):
        read_synonyms(tmp_path / "empty")


@pytest.mark.data
def test_published_synonyms(data_root: Path) -> None:
    synonyms = read_synonyms(data_root / "text" / "chair" / "synonyms.txt")
    assert len(synonyms.categories) == 80
    assert all(synonyms.mentions(f"a {name}") == [name] for name in synonyms.categories)
    assert synonyms.mentions("A man riding a motor bike past two hot dog stands") == ["person", "motorcycle", "hot dog"]
