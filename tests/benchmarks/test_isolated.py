from __future__ import annotations

import operator
from functools import partial

import pytest

from benchmarks.isolated import Isolated


def test_peak_memory_is_that_of_the_work() -> None:
    little = Isolated(partial, operator.mul, b"x", 1)
    much = Isolated(partial, operator.mul, b"x", 300 * 2**20)
    assert little() >= 0 and much() >= 0
    assert much.peak_mib - little.peak_mib == pytest.approx(300, abs=60)


def test_the_largest_peak_is_kept() -> None:
    run = Isolated(partial, operator.mul, b"x", 1)
    run.peak_mib = 1e9
    run()
    assert run.peak_mib == 1e9


def test_an_error_of_the_work_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        Isolated(partial, operator.truediv, 1, 0)()
