"""The heads on scenes-clip: one way from pairs and from texts, a training that repeats, and errors of one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.data.scenes import scenes
from lib.encoders import scene_heads
from lib.encoders.clip import load_clip
from lib.encoders.store import embed
from lib.encoders.training import details_heads as training


def test_pairs_are_lifted_as_pictures_and_texts_are_encoded(cache: Path) -> None:
    base, pairs = load_clip("scenes-clip"), scenes("test", 4)
    encoder = scene_heads.scene_heads(base)
    lifted = encoder.lift(embed(pairs, base, workers=0))
    assert pairs.images is not None and pairs.captions is not None
    alone = encoder.encode_images([*pairs.images]), encoder.encode_texts([texts[0] for texts in pairs.captions])
    for tower, rows in zip(("image", "text"), alone, strict=True):
        assert rows.shape == (4, scene_heads.DIM)
        found = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        np.testing.assert_allclose(lifted.tower(tower), found, atol=1e-5)
    other = scene_heads.scene_heads(base, 1).lift(embed(pairs, base, workers=0))
    assert other.identity != lifted.identity and np.abs(other.image - lifted.image).max() > 0.1  # type: ignore[operator]


def test_unknown_and_missing_heads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    base = load_clip("scenes-clip")
    with pytest.raises(CompanionError, match="no encoder scenes-details number 2; there are 2, from 0"):
        scene_heads.scene_heads(base, 2)
    monkeypatch.setattr(scene_heads, "MODELS", tmp_path)
    with pytest.raises(CompanionError, match=r"heads-0.safetensors .*; restore it from the repository, or run python"):
        scene_heads.scene_heads(base)


def test_training_repeats_and_learns_what_captions_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures hold two parts and captions tell the first: after training the second counts for less."""
    monkeypatch.setattr(training, "STEPS", 60)
    monkeypatch.setattr(training, "BATCH", 64)
    random = torch.Generator().manual_seed(0)
    told, rest = torch.randn(2, 300, scene_heads.BASE // 2, generator=random)
    image, text = torch.cat([told, rest], dim=1), torch.cat([told, 0 * told], dim=1)[None]
    before = torch.random.get_rng_state()
    heads, again = training.train(0, image, text), training.train(0, image, text)
    assert torch.equal(torch.random.get_rng_state(), before), "training leaves the caller's generator alone"
    assert all(torch.equal(a, b) for a, b in zip(heads.parameters(), again.parameters(), strict=True))
    x, y = (torch.nn.functional.normalize(heads.rows(*part)) for part in (("image", image), ("text", text[0])))
    assert ((x @ y.T).argmax(dim=1) == torch.arange(300)).float().mean() > 0.5
