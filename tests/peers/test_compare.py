"""Peers compute what we compute, where `make peers` has installed them; and the comparison notices what differs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from benchmarks.contender import PEERS_PYTHON
from lib.sae.config import SAEConfig
from lib.sae.recipes import build
from tests.peers.compare import (
    DEFINITIONS,
    MAKERS,
    WIDER,
    Difference,
    allowed,
    compare,
    differences,
    kind_of,
    share,
    summary,
    table,
)
from tests.peers.instances import Instance, instances
from tests.trust.report import noted

ONE = Instance(12, 6, 10, 3, 0, "float64")


@pytest.mark.slow
@pytest.mark.skipif(not PEERS_PYTHON.is_file(), reason="the peers are not installed; `make peers` does it")
@pytest.mark.parametrize("peer", MAKERS)
def test_the_peer_computes_the_same(peer: str) -> None:
    found = compare(peer)
    assert {one.dtype for one in found} == {"float32", "float64"}
    assert [one for one in found if not one.share <= one.allowed] == []
    assert len(found) == sum(one["arrays"] for one in noted("peers")["compared"] if one["peer"] == peer)


def test_the_noted_differences_are_within_their_tolerances() -> None:
    compared = noted("peers")["compared"]
    assert {one["peer"] for one in compared} == set(MAKERS) == set(DEFINITIONS)
    for one in compared:
        for dtype in ("float32", "float64"):
            assert one[dtype] <= one["allowed"][dtype] == allowed(one["peer"], one["what"], dtype), one
    assert set(WIDER) <= {(one["peer"], one["what"]) for one in compared}
    recipes = {recipe for one in compared for recipe in one["recipes"]}
    assert recipes == {"relu", "topk", "batch_topk", "matryoshka", "jumprelu"}


def answer(codes: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
    """A TopK dictionary and what a peer says of it: here our own answers, but for the codes."""
    sae = build(SAEConfig("topk", ONE.width, ONE.k), ONE.d).double()
    torch.manual_seed(0)
    for parameter in sae.parameters():
        parameter.data.normal_()
    x = ONE.data()
    own = {name: tensor.detach().clone() for name, tensor in sae.named_parameters()}
    mine = sae.encode(x)
    theirs = {"theirs/codes": mine.dense().detach() if codes is None else codes}
    return {"x": x, **own, **theirs, "theirs/reconstruction": sae.decode(mine).detach()}


def found_in(folder: Path, given: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    monkeypatch.setattr("tests.peers.compare.instances", lambda: iter([ONE]))
    save_file(given, folder / f"topk-{ONE.name}.safetensors")
    found = differences("sae-lens", folder)
    return {one.what: one.share for one in found}


def test_our_own_answers_differ_by_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found_in(tmp_path, answer(), monkeypatch) == {"codes": 0.0, "reconstruction": 0.0}


def test_a_wrong_number_of_a_peer_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = answer()
    wrong = given["theirs/codes"].clone()
    wrong[0, 0] += 1e-6 * wrong.max()
    shares = found_in(tmp_path, answer(wrong), monkeypatch)
    assert shares["codes"] == pytest.approx(1e-6) and shares["reconstruction"] == 0.0
    assert shares["codes"] > allowed("sae-lens", "codes", "float64")


def test_other_shapes_and_numbers_that_are_none_are_infinitely_far() -> None:
    ones = torch.ones(3)
    assert share(ones, torch.ones(4)) == share(ones, ones * torch.nan) == share(ones / 0, ones) == float("inf")
    assert share(ones, 2 * ones) == 0.5


def test_gradients_are_one_row_of_the_summary_with_their_largest_difference() -> None:
    found = [
        ("sae-lens", "topk", f"gradient of {name}", dtype, far, 1e-5)
        for name, far in (("encoder", 2e-7), ("b_enc", 3.14e-7))
        for dtype in ("float32", "float64")
    ]
    (row,) = summary([Difference(*one) for one in found])
    assert (row["what"], row["arrays"], row["float32"], row["recipes"]) == ("gradients", 4, 3.1e-7, ["topk"])
    assert kind_of("gradient of W_dec") == "gradients" and kind_of("loss") == "loss"


def test_the_table_says_when_nothing_was_run() -> None:
    assert table(None) == "Not run yet.\n"


def test_instances_are_the_same_on_every_run_and_all_different() -> None:
    first, again = list(instances()), list(instances())
    assert first == again and len({one.name for one in first}) == len(first) == 16
    assert torch.equal(first[0].data(), again[0].data())
