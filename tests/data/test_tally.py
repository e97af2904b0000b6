"""One line says what was read of a user's files and what was left out."""

from __future__ import annotations

from lib.data.tally import Tally


def test_a_line_tells_everything() -> None:
    tally = Tally("pictures").leaving("other file", ["a.db", "b.zip", "c.doc", "d.doc", "e.doc"])
    assert tally.line() == "pictures: nothing read; left out: 5 other files (a.db, b.zip, c.doc and 2 more)"
    tally = tally.reading("1 picture").leaving("broken link", ["x\ny"])
    assert tally.line() == (
        "pictures: 1 picture; left out: 5 other files (a.db, b.zip, c.doc and 2 more), 1 broken link ('x\\ny')"
    )


def test_what_is_read_later_is_no_longer_left_out() -> None:
    tally = Tally("p").leaving("other file", ["a", "b"]).leaving("other file", ["c"]).leaving("nothing", [])
    assert tally.left_out == {"other file": ("a", "b", "c")}
    assert tally.reading("b", "b").left_out == {"other file": ("a", "c")}
    assert tally.reading("all", "a", "b", "c").line() == "p: all"
