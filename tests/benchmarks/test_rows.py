from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.rows import Row, read_rows, row, rows, write_rows
from benchmarks.timing import Timing
from lib.base.errors import CompanionError


def test_a_row_has_medians_extremes_and_the_median_of_the_ratios() -> None:
    one = row("b", {"d": 4}, "d", "A", Timing([3.0, 1.0, 2.0], [1.5, 4.0, 3.0]), peak_mib=7.0)
    assert (one.median, one.low, one.high, one.ratio, one.peak_mib) == (2.0, 1.0, 3.0, 3.0, 7.0)
    assert row("b", {}, "", "A", Timing([1.0], [])).ratio is None


def test_rows_come_back_from_json_as_they_were(tmp_path: Path) -> None:
    timings = {"ours": Timing([0.1], [1.0]), "A": Timing([0.3], [3.0])}
    found = [*rows("b", {"d": 4, "kind": "dense"}, "", timings), Row("b", {"d": 4}, "", "B", note="not installed")]
    write_rows(tmp_path / "b.json", found, {"cores": 2})
    assert read_rows(tmp_path / "b.json") == (found, {"cores": 2})


@pytest.mark.parametrize("text", ["", "[]", '{"rows": [{"who": "ours"}], "facts": {}}'])
def test_a_foreign_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(CompanionError, match=r"^b\.json is not a result of the benchmarks \(.*\); run that one again$"):
        read_rows(tmp_path / "b.json")
