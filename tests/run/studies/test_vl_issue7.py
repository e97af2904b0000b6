"""The check of issue 7 on a made-up checkpoint and data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lib.data.errors import CompanionError, NotAvailable
from lib.data.files import sha256_file
from lib.run.studies.vl_issue7 import CHECKPOINT, REPORTED, check, read

D, WIDTH = 8, 300


def test_the_table_is_made_from_files(tmp_path: Path) -> None:
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    state = {"encoder": torch.randn(WIDTH, D, generator=generator)}
    for tower in ("vision", "text"):
        state |= {f"{tower}_decoder.weight": torch.randn(D, WIDTH, generator=generator)}
        state |= {f"{tower}_decoder.bias": torch.zeros(D)}
    torch.save(state, tmp_path / CHECKPOINT)
    labels = rng.integers(4, size=50)
    classes = 5 * np.eye(4, D)
    for name in REPORTED:
        image = classes[labels] + 0.1 * rng.standard_normal((50, D))
        np.savez(tmp_path / f"{name}.npz", image=image, labels=labels, classes=classes)
    table = check(tmp_path, sha256_file(tmp_path / CHECKPOINT))
    assert table.data.tolist() == list(REPORTED)
    assert (table.base == 100).all() and (table.latents == 100).all()


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotAvailable, match="shufanshen/VL-SAE"):
        check(tmp_path)
    with pytest.raises(NotAvailable, match="embed the data set with open_clip ViT-B-32"):
        read(tmp_path / "mnist.npz")
    np.savez(tmp_path / "mnist.npz", image=np.ones((1, 2)))
    with pytest.raises(CompanionError, match=r"mnist.npz does not hold image, labels and classes"):
        read(tmp_path / "mnist.npz")
