"""The trainers that need no peer, in this process and in their own."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import contender
from benchmarks.contender import Contender, start
from benchmarks.data import superposition
from benchmarks.trainers.bound import Bound
from benchmarks.trainers.dense import Dense, kept
from benchmarks.trainers.ours import Ours
from benchmarks.trainers.serve import shuffled
from lib.base.errors import CompanionError, NotAvailable

SETTING = {
    "width": 48, "k": 4, "batch": 96, "steps": 12, "lr": 1e-2, "warmup": 4, "decay": 4, "dead_after": 192, "seed": 0,
}  # fmt: skip


def rows() -> torch.Tensor:
    return torch.from_numpy(superposition(96, 12, seed=0))


def test_dense_torch_and_ours_are_the_same_recipe() -> None:
    """From the same start, on batches of all rows, the weights stay the same, dead latents included."""
    ours, dense = Ours(SETTING, rows(), "float32"), Dense(SETTING, rows())
    sae = ours.run.sae
    with torch.no_grad():
        dense.W_enc.copy_(sae.W_enc)
        dense.W_dec.copy_(sae.W_dec)
        dense.b_dec.copy_(sae.b_dec)
    dead = 0
    for step in range(10):
        ours.step(rows())
        dense.step(rows())
        ours.run.dead = (ours.run.silent >= SETTING["dead_after"]).nonzero()[:, 0]  # every step, and not every tenth
        dead += len(ours.run.dead)
        torch.testing.assert_close(dense.W_dec, sae.W_dec, atol=2e-4, rtol=1e-3, msg=f"step {step}")
    assert dead > 0
    torch.testing.assert_close(dense.silent, ours.run.silent)
    torch.testing.assert_close(dense.reconstruct(rows()), ours.reconstruct(rows()), atol=2e-3, rtol=1e-2)


def test_dense_keeps_the_largest_positive_ones() -> None:
    pre = torch.tensor([[3.0, -1.0, 2.0, 1.0], [-3.0, -1.0, -2.0, 5.0]])
    assert kept(pre, 2).tolist() == [[3.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 5.0]]


def test_the_bound_updates_its_weights() -> None:
    bound = Bound(SETTING, rows())
    before = [weight.detach().clone() for weight in bound.weights]
    bound.step(rows())
    assert all(not torch.equal(old, new) for old, new in zip(before, bound.weights, strict=True))


def test_every_epoch_has_all_rows_in_a_new_order() -> None:
    batches = shuffled(torch.arange(10)[:, None].float(), 5, seed=0)
    first, second = (torch.cat([next(batches), next(batches)])[:, 0] for _ in range(2))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert first.tolist() != second.tolist()


def test_a_trainer_in_its_process_trains_and_reconstructs(tmp_path: Path) -> None:
    data = superposition(400, 12, seed=0)
    np.save(tmp_path / "rows.npy", data)
    with Contender("dense torch") as dense:
        assert set(dense.versions()) == {"torch"}
        dense.open({**SETTING, "data": str(tmp_path / "rows.npy")})
        before = np.square(data - dense.reconstruct(data)).sum()
        assert len(dense.step(12)) == 12
        assert np.square(data - dense.reconstruct(data)).sum() < before
        with pytest.raises(CompanionError, match=r"^the trainer dense torch stopped: KeyError: 'data'$"):
            dense.open({"seed": 0, "width": 4})


def test_a_peer_that_is_not_there_is_one_line() -> None:
    with pytest.raises(NotAvailable, match=r"^not installed; `make bench` makes the environment$"):
        Contender("sae-lens")


def test_a_peer_that_does_not_start_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'ModuleNotFoundError: no such peer' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(contender, "PEERS_PYTHON", broken)
    with ExitStack() as stack:
        running, missing = start(["overcomplete"], stack)
    assert running == {}
    line = "does not start: the trainer overcomplete stopped: ModuleNotFoundError: no such peer"
    assert missing == {"overcomplete": line}
