"""Heads of one half of the photographs: what they have read, what is new to them, and vectors of the right kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import sha256_file
from lib.data.sets.flickr8k import flickr8k
from lib.encoders import photo_halves
from lib.encoders.photo_heads import CAPTIONS, WIDTHS, Features, Heads, split_vectors
from lib.metrics.retrieval import retrieval
from lib.worlds.open_world import open_world
from lib.worlds.profiles import load_profile


def random_features(n: int) -> Features:
    generator = torch.Generator().manual_seed(0)
    return Features(
        torch.randn(n, WIDTHS[0], generator=generator), torch.randn(CAPTIONS * n, WIDTHS[1], generator=generator)
    )


def test_rows_of_features_take_their_captions_along() -> None:
    found = random_features(6)
    some = found.rows(slice(2, 4))
    assert torch.equal(some.image, found.image[2:4]) and torch.equal(some.text, found.text[10:20])


def test_vectors_are_made_picture_by_picture() -> None:
    heads, found = Heads().eval(), random_features(4)
    made = split_vectors(heads, found)
    assert made.image.shape == (4, 256) and made.text.shape == (4, 5, 256) and made.judge.shape == (4, 384)
    for rows in made:
        np.testing.assert_allclose(np.linalg.norm(rows, axis=-1), 1, atol=1e-5)
    alone = split_vectors(heads, found.rows(slice(2, 3)))
    np.testing.assert_allclose(alone.text[0], made.text[2], atol=1e-6)


def test_the_shipped_heads_are_small_and_whole() -> None:
    assert photo_halves.HEADS.stat().st_size < 2_000_000
    heads = Heads()
    tensors = photo_halves.read_tensors(photo_halves.HEADS, "restore it")
    assert {name: value.shape for name, value in tensors.items()} == {
        name: value.shape for name, value in heads.state_dict().items()
    }


def test_an_unknown_split_and_a_machine_without_data(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CompanionError, match="photos-halves has no split 'val'; known: learnt, train, dev, test"):
        photo_halves.half_pairs("val")
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    with pytest.raises(NotAvailable, match="flickr8k"):
        open_world(load_profile("photos-halves")).embeddings("dev")


@pytest.mark.data
def test_no_photograph_is_in_two_splits(data_root: Path) -> None:
    parts = [photo_halves.half_pairs(split) for split in photo_halves.SPLITS]
    assert [len(part) for part in parts] == [3000, 3000, 1000, 1000]
    ids = np.concatenate([part.ids for part in parts])
    assert len(set(ids)) == len(ids)
    assert parts[1].captions[0] == flickr8k("train").captions[3000]  # type: ignore[index]


@pytest.mark.data
def test_the_world_has_unseen_photographs_for_training(
    data_root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With random features in place of the towers'."""
    monkeypatch.setattr(photo_halves, "features", lambda split: random_features(6000 if split == "train" else 1000))
    photo_halves.half_vectors.cache_clear()
    world = open_world(load_profile("photos-halves", ["splits.train=30", "splits.dev=20", "splits.test=10"]))
    assert world.learnt_split in world.splits and len(world.embeddings("learnt")) == 10
    train = world.embeddings("train")
    assert (train.ids == flickr8k("train").ids[3000:3030]).all()
    assert world.caption_embeddings("train").shape[:2] == (30, 5)
    assert train.identity["heads"] == sha256_file(photo_halves.HEADS)
    assert (world.judges("dev")["network"].ids == world.embeddings("dev").ids).all()
    found = retrieval(train.tower("image"), train.tower("text"))
    assert found.image_to_text.recall(1) < 0.5, "random features find nothing"
    with pytest.raises(CompanionError, match="train of 3001 pairs; world photos-halves has 3000"):
        open_world(load_profile("photos-halves", ["splits.train=3001"])).embeddings("train")
    photo_halves.half_vectors.cache_clear()
