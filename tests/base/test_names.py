"""Names as people mean them, and as output shows them."""

from __future__ import annotations

import unicodedata

import pytest

from lib.base.names import count, plain_name, printable


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sub\\a.jpg", "sub/a.jpg"),
        ("./a.jpg", "a.jpg"),
        (".\\sub\\.\\a.jpg", "sub/a.jpg"),
        (" a.JPG ", "a.jpg"),
        ("sub / a.jpg", "sub/a.jpg"),
        ("sub//a.jpg", "sub/a.jpg"),
        (unicodedata.normalize("NFD", "Ångström/é.png"), "ångström/É.png"),
        ("STRASSE.jpg", "straße.jpg"),
    ],
)
def test_two_spellings_of_one_name(one: str, other: str) -> None:
    assert plain_name(one) == plain_name(other)


@pytest.mark.parametrize(
    ("one", "other"), [("a.jpg", "a.png"), ("a b.jpg", "ab.jpg"), ("../a.jpg", "a.jpg"), ("a", "b")]
)
def test_two_names(one: str, other: str) -> None:
    assert plain_name(one) != plain_name(other)


def test_counts_and_names_in_output() -> None:
    assert [count(n, "picture") for n in (0, 1, 2, 1200)] == ["0 pictures", "1 picture", "2 pictures", "1,200 pictures"]
    assert printable("日本.jpg") == "日本.jpg" and printable("a\nb.jpg") == "'a\\nb.jpg'"
