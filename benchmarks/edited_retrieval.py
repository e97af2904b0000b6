"""All images against all captions, each image edited by the caption it is compared with: exact algebra, brute force.

Brute force decodes every edited image (one sparse product over all images per caption), and takes norms and cosines. It
runs on a slice of the captions, and its time is scaled up to all of them. It keeps no ranks and no best candidates,
while ours does. Ours runs in a fresh process, whose peak memory is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.data import judge, random_codes
from benchmarks.isolated import Isolated
from benchmarks.rows import Row, row
from benchmarks.timing import OURS, interleaved, turn
from lib.base.progress import progress
from lib.editing.edited_scores import EditedImages
from lib.metrics.edited_retrieval import edited_retrieval
from lib.sae.sparse import Pattern, decode_at

NAME = "edited_retrieval"
BRUTE = "brute force"
CAPTIONS = 5
"""Captions of each image."""

FULL: dict[str, Any] = {"images": (500, 1000, 2500, 5000), "width": 4096, "k": 32, "d": 512, "slice": 50}
QUICK: dict[str, Any] = {"images": (20, 40), "width": 32, "k": 4, "d": 8, "slice": 5}


def run(quick: bool) -> list[Row]:
    """Growth with the number of images."""
    sizes = QUICK if quick else FULL
    found = []
    for images in progress(sizes["images"], desc=NAME):
        fixed = {name: sizes[name] for name in ("width", "k", "d")}
        setting = {"images": images, "captions": CAPTIONS * images, **fixed}
        ours = Isolated(prepare, setting)
        others = {BRUTE: partial(extended, brute_force(setting, sizes["slice"]), setting["captions"] / sizes["slice"])}
        rounds = 1 if images == sizes["images"][-1] else 3
        for who, timing in interleaved(ours, others, rounds).items():
            peak = ours.peak_mib if who == OURS else None
            note = "" if who == OURS else f"{sizes['slice']} captions, extended"
            found.append(row(NAME, setting, "images", who, timing, peak_mib=peak, note=note))
    return found


def extended(work: Callable[[], Any], share: float) -> float:
    """Seconds of all the work, from those of a part of it."""
    return turn(work)() * share


def inputs(setting: dict[str, Any]) -> tuple[Any, np.ndarray, np.ndarray, Callable[[slice], np.ndarray]]:
    """Codes of the images, dictionary of unit rows, caption vectors, and masks of any captions."""
    rng = np.random.default_rng(0)
    dictionary = rng.standard_normal((setting["width"], setting["d"]), dtype=np.float32)
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    pool = rng.random((64, setting["width"]), dtype=np.float32)

    def masks(captions: slice) -> np.ndarray:
        return pool[np.arange(captions.start, captions.stop) % len(pool)]

    codes = random_codes(setting["images"], setting["width"], setting["k"], seed=1)
    return codes, dictionary, judge(setting["captions"], setting["d"], seed=2), masks


def prepare(setting: dict[str, Any]) -> Callable[[], Any]:
    """All ranks and the best ten in both directions, ready to run; the time includes the work done once per image."""
    codes, dictionary, texts, masks = inputs(setting)
    owner = np.repeat(np.arange(setting["images"]), CAPTIONS)
    return lambda: edited_retrieval(EditedImages.of(codes, dictionary), texts, masks, owner)


def brute_force(setting: dict[str, Any], captions: int) -> Callable[[], torch.Tensor]:
    """Scores (images, captions) of the first few captions, image by image and caption by caption."""
    codes, dictionary, texts, masks = inputs(setting)
    rows = np.repeat(np.arange(len(codes)), np.diff(codes.indptr))
    pattern = Pattern(torch.as_tensor(rows * codes.width + codes.indices), len(codes), codes.width)
    values, atoms = torch.as_tensor(codes.values, dtype=torch.float32), torch.from_numpy(dictionary)
    unit = torch.nn.functional.normalize(torch.from_numpy(texts[:captions]), dim=1)
    kept = torch.from_numpy(masks(slice(0, captions)))

    def scores() -> torch.Tensor:
        columns = []
        for text, mask in zip(unit, kept, strict=True):
            edited = decode_at(pattern, values * mask[pattern.latents], atoms)
            columns.append(edited @ text / edited.norm(dim=1))
        return torch.stack(columns, dim=1)

    return scores
