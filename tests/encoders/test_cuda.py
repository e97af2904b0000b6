"""On a GPU: the numbers of a CPU, within rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.errors import NotAvailable
from lib.data.scenes import scenes
from lib.encoders.clip import load_clip
from lib.encoders.embeddings import Tower
from lib.encoders.judges import JudgeEncoder
from lib.encoders.reading import read_pixels
from lib.encoders.store import embed

from .examples import make_pairs

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")


def assert_close(found: np.ndarray | None, expected: np.ndarray | None) -> None:
    """Each row within 1e-4 of the expected one's length."""
    assert found is not None and expected is not None
    error = np.linalg.norm(np.float64(found) - expected, axis=-1)
    assert (error <= 1e-4 * np.linalg.norm(np.float64(expected), axis=-1)).all(), error.max()


@gpu
def test_encoders_agree_with_the_cpu(clip_folder: Path) -> None:
    pairs = scenes("test", 40)
    images, texts = [pairs.images[i] for i in range(40)], [captions[0] for captions in pairs.captions]
    for name in (clip_folder, "scenes-clip"):
        on_cpu, on_gpu = load_clip(name), load_clip(name, device="cuda")
        assert on_gpu.identity == on_cpu.identity
        assert_close(on_gpu.encode_images(images), on_cpu.encode_images(images))
        assert_close(on_gpu.encode_texts(texts), on_cpu.encode_texts(texts))
    assert_close(JudgeEncoder("cuda").encode_images(images), JudgeEncoder().encode_images(images))


@gpu
@pytest.mark.parametrize("workers", [0, 2])
def test_the_store_agrees_with_the_cpu(
    workers: int, clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = make_pairs(20)
    stored = {}
    for device in ("cpu", "cuda"):
        monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / device))
        encoder = load_clip(clip_folder, device=device)
        both = embed(pairs, encoder, batch=3, shard=8, workers=workers)
        image: tuple[Tower, ...] = ("image",)
        inner = embed(pairs, encoder, towers=image, layer=1, tokens="all", batch=3, shard=8, workers=workers)
        stored[device] = (both.image, both.text, inner.image)
    for found, expected in zip(stored["cuda"], stored["cpu"], strict=True):
        assert_close(found, expected)


@gpu
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_for_a_gpu_are_pinned(workers: int, clip_folder: Path) -> None:
    encoder = load_clip(clip_folder, device="cuda")
    batches = list(read_pixels(make_pairs(6).images or (), encoder, [range(4), range(4, 6)], workers))
    assert [batch.rows for batch in batches] == [[0, 1, 2, 3], [4, 5]]
    assert all(batch.pixels is not None and batch.pixels.is_pinned() for batch in batches)


def test_a_gpu_that_is_not_there_is_told(clip_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for load in (lambda: load_clip(clip_folder, device="cuda"), lambda: JudgeEncoder("cuda")):
        with pytest.raises(NotAvailable, match="device 'cuda' was requested, but torch finds no GPU; use device='cpu'"):
            load()
