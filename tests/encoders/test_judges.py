"""Judges: the truth compares facts, the network pictures; neither needs the model under study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lib.base.errors import CompanionError
from lib.data.pairs import Pairs
from lib.data.scenes import scenes
from lib.encoders import judges
from lib.encoders.judges import ORACLE_GROUPS, JudgeEncoder, truth_judge


def test_the_truth_judge_is_the_cosine_of_centred_facts() -> None:
    pairs = scenes("test", 40)
    judge = truth_judge(pairs).unit().tower("image")
    columns = np.concatenate([pairs.facts.group(group) for group in ORACLE_GROUPS])
    facts = pairs.facts.truth[:, columns].astype(float)
    centred = facts - facts.mean(axis=0)
    for i, j in ((0, 1), (3, 17), (20, 39)):
        slow = centred[i] @ centred[j] / np.linalg.norm(centred[i]) / np.linalg.norm(centred[j])
        assert judge[i] @ judge[j] == pytest.approx(slow, abs=1e-6)


def test_pairs_without_facts_cannot_be_judged_by_the_truth() -> None:
    bare = Pairs(ids=np.array(["a"]), images=None, captions=(("x",),), identity={})
    with pytest.raises(CompanionError, match="come without facts, so the truth cannot judge them; use another judge"):
        truth_judge(bare)


def test_the_network_judge_gives_the_same_vectors_for_any_batch() -> None:
    judge, images = JudgeEncoder(), scenes("test", 6).images
    together = judge.encode_images([images[i] for i in range(6)])
    alone = np.concatenate([judge.encode_images([images[i]]) for i in range(6)])
    assert together.shape == (6, judge.dim) and together.dtype == np.float32
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)
    assert judge.encode_texts is None


def test_pixels_are_scaled_to_what_the_network_was_trained_on() -> None:
    judge, image = JudgeEncoder(), scenes("test", 1).images[0]
    scaled = torch.tensor(np.asarray(image, np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = judge.model(scaled)[0].numpy()
    np.testing.assert_allclose(judge.encode_images([image]), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "scenes-judge: no images to encode; give at least one"),
        (["a scene"], "scenes-judge: an image is a str; give PIL images"),
        ([Image.new("RGB", (32, 64))], r"an image of \(32, 64\) pixels; it judges scenes of \(64, 64\)"),
    ],
)
def test_other_pictures_than_scenes_are_refused(images: list[Image.Image], message: str) -> None:
    with pytest.raises(CompanionError, match=message):
        JudgeEncoder().encode_images(images)


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "SCENES_JUDGE", judges.ROOT / "nowhere" / "model.safetensors")
    with pytest.raises(CompanionError, match=r"nowhere/model.safetensors is missing; restore it .* or train it"):
        JudgeEncoder()
