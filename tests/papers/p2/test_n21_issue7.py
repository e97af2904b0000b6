"""The check of issue 7 on a made-up checkpoint and data sets of rendered scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.encoders.clip import ClipEncoder, load_clip
from lib.papers.p2.n21_issue7 import CHECKPOINT, REPORTED, issue7_accuracies, score_released
from lib.sae.formats.published_vl_sae import RATIO, load_vl_sae
from tests.apps.test_score_classes import in_shards


@pytest.fixture(scope="module")
def clip() -> ClipEncoder:
    return load_clip("scenes-clip")


def checkpoint(path: Path, d: int) -> str:
    generator = torch.Generator().manual_seed(0)
    state = {"encoder": torch.randn(RATIO * d, d, generator=generator)}
    for tower in ("vision", "text"):
        state |= {f"{tower}_decoder.weight": torch.randn(d, RATIO * d, generator=generator)}
        state |= {f"{tower}_decoder.bias": torch.zeros(d)}
    torch.save(state, path)
    return sha256_file(path)


def test_the_table_is_made_from_files(tmp_path: Path, cache: Path, clip: ClipEncoder) -> None:
    sha256 = checkpoint(tmp_path / CHECKPOINT, clip.dim)
    for name in REPORTED:
        in_shards(tmp_path / name)
    table = score_released(clip, tmp_path, sha256)
    assert table.data.tolist() == list(REPORTED) and (table.user_latents == [93.79, 56.38, 46.03, 62.51]).all()
    assert ((table[["base", "latents", "decoders"]] >= 0) & (table[["base", "latents", "decoders"]] <= 100)).all().all()


def test_what_is_missing_is_said(tmp_path: Path, cache: Path, clip: ClipEncoder) -> None:
    with pytest.raises(CompanionError, match=f"no checkpoint .*{CHECKPOINT}; fetch it first"):
        score_released(clip, tmp_path)
    sha256 = checkpoint(tmp_path / CHECKPOINT, 32)
    with pytest.raises(CompanionError, match=f"{CHECKPOINT} reads 32 dimensions and scenes-clip gives {clip.dim}"):
        score_released(clip, tmp_path, sha256)
    sha256 = checkpoint(tmp_path / CHECKPOINT, clip.dim)
    with pytest.raises(CompanionError, match=r"cifar10: no split 'test'; known: none"):
        score_released(clip, tmp_path, sha256)


def test_classes_far_apart_are_found_by_every_source(tmp_path: Path) -> None:
    sae = load_vl_sae(tmp_path / CHECKPOINT, checkpoint(tmp_path / CHECKPOINT, 32))
    rng = np.random.default_rng(0)
    labels, classes = rng.integers(4, size=50), 5 * np.eye(4, 32)
    image = classes[labels] + 0.1 * rng.standard_normal((50, 32))
    assert set(issue7_accuracies(sae, image, labels, classes, 0.5).values()) == {100}
