"""How much of the encoder's own speed the embedding store keeps, from JPEG files to cached vectors.

The bare model gets ready tensors of the right shape: no file, no decoding, no preprocessing. The two encoders are the
shipped one and a ViT-B-32 with random weights, which is as fast as one with trained weights.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from benchmarks.rows import Row, rows
from benchmarks.timing import interleaved, turn
from lib.base.progress import progress
from lib.data.formats.images import ImageFolder
from lib.data.pairs import Pairs
from lib.encoders.clip import CONFIG, WEIGHTS, ClipEncoder, load_clip
from lib.encoders.store import embed

NAME = "embedding"
BARE = "bare model"
WORKERS = (0, 1, 2)

FULL = {"scenes-clip": (4096, 256, (64, 64), 3), "ViT-B-32": (128, 64, (500, 375), 2)}
QUICK = {"scenes-clip": (8, 4, (64, 64), 1)}
"""For each encoder: pictures, batch, width and height of a picture (of a scene, of a usual photograph), rounds."""


def run(quick: bool) -> list[Row]:
    """Measure, for each encoder and number of workers, the store, and the bare model on as many pictures."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, (n, batch, size, rounds) in (QUICK if quick else FULL).items():
            encoder = load_clip(name) if name == "scenes-clip" else random_clip(name, Path(scratch) / name)
            pairs = pictures(n, size, Path(scratch) / f"jpegs-{name}")
            pixels = torch.randn(batch, 3, *encoder.image_size)
            for workers in progress(WORKERS, desc=f"{NAME}, {name}"):
                ours = turn(partial(store, pairs, encoder, batch, workers))
                bare = turn(partial(forward, encoder, pixels, n))
                setting: dict[str, int | str] = {"encoder": name, "n": n, "batch": batch, "workers": workers}
                found += rows(NAME, setting, "workers", interleaved(ours, {BARE: bare}, rounds))
    return found


def store(pairs: Pairs, encoder: ClipEncoder, batch: int, workers: int) -> None:
    """Embed all pictures into an empty cache."""
    with empty_cache():
        embed(pairs, encoder, towers=("image",), batch=batch, workers=workers)


@torch.no_grad()
def forward(encoder: ClipEncoder, pixels: torch.Tensor, n: int) -> None:
    """Run the image tower on n pictures in ready batches."""
    for start in range(0, n, len(pixels)):
        encoder.model.encode_image(pixels[: n - start])  # type: ignore[operator]


@contextmanager
def empty_cache() -> Iterator[None]:
    """Use a separate cache folder within the block."""
    before = os.environ.get("COMPANION_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COMPANION_CACHE"] = folder
        try:
            yield
        finally:
            os.environ.pop("COMPANION_CACHE")
            if before is not None:
                os.environ["COMPANION_CACHE"] = before


def pictures(n: int, size: tuple[int, int], folder: Path) -> Pairs:
    """n JPEG files of smooth noise, as hard to decode as photographs."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(folder / f"{number:06}.jpg", quality=90)
    images = ImageFolder(folder)
    return Pairs(np.array(images.names), images, None, {"made": "for benchmarks", "n": n})


def random_clip(architecture: str, folder: Path) -> ClipEncoder:
    """A model of open_clip with random weights, through the same folder layout as any other."""
    import open_clip  # after lib.encoders.clip, which makes torchvision importable

    folder.mkdir()
    torch.manual_seed(0)
    model = open_clip.create_model(architecture)
    config = {"model_cfg": open_clip.get_model_config(architecture), "preprocess_cfg": model.visual.preprocess_cfg}
    (folder / CONFIG).write_text(json.dumps(config))
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / WEIGHTS)
    return load_clip(folder)
