"""Judges: encoders that say how alike two pictures are, independently of the model under study.

A Monosemanticity Score is only as good as its judge, and a judge of the same family is circular (Pach et al. use
DINOv2 to judge CLIP). The scenes world has two: a small convolutional network trained on another objective than CLIP,
and the truth itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from lib.base.errors import CompanionError
from lib.base.files import ROOT, sha256_file
from lib.data.pairs import Pairs
from lib.encoders.embeddings import Embeddings
from lib.encoders.encoder import check_device, full_precision, stack_pixels
from lib.encoders.tensors import read_tensors

SCENES_JUDGE = ROOT / "lib" / "encoders" / "models" / "scenes-judge" / "model.safetensors"

ORACLE_GROUPS: tuple[str, ...] = ("kind", "group", "realm", "colour", "texture", "background", "pattern")
"""The facts that make two scenes alike for the truth judge; places and sizes do not."""


class SceneJudge(nn.Module):
    """A plain convolutional network from (b, 3, 64, 64) in [-1, 1] to (b, 192), standardised over training scenes.

    It shares nothing with the CLIP under study: no attention, no patches, no text, other training scenes.
    """

    dim = 192

    def __init__(self) -> None:
        super().__init__()

        def block(ins: int, outs: int, stride: int) -> list[nn.Module]:
            return [nn.Conv2d(ins, outs, 3, stride, 1, bias=False), nn.BatchNorm2d(outs), nn.ReLU()]

        self.features = nn.Sequential(
            *block(3, 32, 2),
            *block(32, 64, 1),
            *block(64, 96, 2),
            *block(96, 96, 1),
            *block(96, 192, 2),
            *block(192, 192, 1),
        )
        self.standardise = nn.BatchNorm1d(self.dim, affine=False)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the embedding (b, 192) and the feature map (b, 192, 8, 8) of which it is the maximum."""
        features = self.features(pixels)
        return self.standardise(features.amax(dim=(2, 3))), features


class JudgeEncoder:
    """The shipped scene judge as an encoder of images; it has no text tower."""

    name = "scenes-judge"
    dim = SceneJudge.dim
    encode_texts = None

    def __init__(self, device: str = "cpu") -> None:
        self.device = check_device(device)
        if not SCENES_JUDGE.exists():
            raise CompanionError(
                f"{SCENES_JUDGE.relative_to(ROOT)} is missing; restore it from the repository or train it: "
                "python -m lib.encoders.training.scenes_judge"
            )
        weights = read_tensors(SCENES_JUDGE, "restore it from the repository")
        self.model = SceneJudge().eval()
        self.model.load_state_dict({k: v.float() for k, v in weights.items()})
        self.model.to(device)
        self.identity: dict[str, Any] = {"judge": self.name, "weights": sha256_file(SCENES_JUDGE)}

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """Turn an image into uint8 (64, 64, 3). It must be 64 x 64, as all scenes are."""
        if image.size != (64, 64):
            raise CompanionError(f"{self.name}: an image of {image.size} pixels; it judges scenes of (64, 64)")
        return torch.from_numpy(np.array(image.convert("RGB")))

    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        """Encode uint8 (n, 64, 64, 3) to float32 (n, 192), not normalised."""
        with torch.inference_mode(), full_precision():
            channels_first = pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
            return self.model(scale_pixels(channels_first))[0].cpu().numpy()

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Encode n images to float32 (n, 192), not normalised."""
        return self.encode_pixels(stack_pixels(self, images))


def scale_pixels(pixels: torch.Tensor) -> torch.Tensor:
    """Scale uint8 pixels to float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def truth_judge(pairs: Pairs, groups: tuple[str, ...] = ORACLE_GROUPS) -> Embeddings:
    """Use the ground truth as a judge: centred vectors of the facts that two pairs can share, float32 (n, facts)."""
    if pairs.facts is None:
        raise CompanionError("these pairs come without facts, so the truth cannot judge them; use another judge")
    columns = np.concatenate([pairs.facts.group(group) for group in groups])
    truth = pairs.facts.truth[:, columns].astype(np.float64)
    return Embeddings(
        ids=pairs.ids,
        image=(truth - truth.mean(axis=0)).astype(np.float32),
        text=None,
        encoder="truth",
        normalised=False,
        identity={"judge": "truth", "groups": list(groups), "pairs": pairs.identity},
    )


def truth_of_pairs(pairs: Pairs) -> Embeddings:
    """Embed pictures and captions in the space of facts, centred: what a scene shows, what its first caption says."""
    pictures = truth_judge(pairs)
    assert pairs.facts is not None  # truth_judge has checked it
    columns = np.concatenate([pairs.facts.group(group) for group in ORACLE_GROUPS])
    said = pairs.facts.mentioned[:, 0, columns].astype(np.float64)
    text = (said - said.mean(axis=0)).astype(np.float32)
    return Embeddings(pairs.ids, pictures.image, text, "truth", False, {**pictures.identity, "captions": "first"})
