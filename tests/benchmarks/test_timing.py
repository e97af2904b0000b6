from __future__ import annotations

from collections.abc import Callable

from benchmarks.timing import interleaved, turn


def scripted(name: str, seconds: list[float], calls: list[str]) -> Callable[[], float]:
    left = iter(seconds)

    def run() -> float:
        calls.append(name)
        return next(left)

    return run


def test_ours_goes_before_every_other_one_and_ratios_are_of_neighbours() -> None:
    calls: list[str] = []
    ours = scripted("ours", [1.0, 2.0, 4.0, 8.0], calls)
    others = {"A": scripted("A", [3.0, 8.0], calls), "B": scripted("B", [5.0, 4.0], calls)}
    timings = interleaved(ours, others, rounds=2)
    assert calls == ["ours", "A", "ours", "B"] * 2
    assert timings["ours"].seconds == [1.0, 2.0, 4.0, 8.0] and timings["ours"].ratios == [1.0] * 4
    assert timings["A"].seconds == [3.0, 8.0] and timings["A"].ratios == [3.0, 2.0]
    assert timings["B"].ratios == [2.5, 0.5]


def test_ours_alone_is_measured_once_a_round() -> None:
    timings = interleaved(scripted("ours", [1.0, 2.0, 3.0], []), {}, rounds=3)
    assert list(timings) == ["ours"] and timings["ours"].seconds == [1.0, 2.0, 3.0]


def test_a_turn_does_the_work_and_gives_seconds() -> None:
    done: list[int] = []
    assert turn(lambda: done.append(1))() >= 0
    assert done == [1]
