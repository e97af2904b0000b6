"""Training scenes with dense labels: right labels, and the same batches whoever asks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lib.data.procedural import SILENT
from lib.data.scenes.layout import SIDE, Layout
from lib.data.scenes.scene_pairs import layout_of
from lib.encoders.training.stream import FACT_SIZES, TOKEN_FACTS, _Batches, fact_loss, patch_facts


def _slow_patch_kinds(layout: Layout, patch: int) -> np.ndarray:
    """Pixel by pixel: the kind whose square covers most of each patch, if more than a third of it."""
    side = SIDE // patch
    kinds = np.full((side, side), FACT_SIZES["kind"])
    for row in range(side):
        for column in range(side):
            most = patch * patch // 3
            for thing in layout.things:
                cover = 0
                for y in range(row * patch, (row + 1) * patch):
                    for x in range(column * patch, (column + 1) * patch):
                        top, left = thing.y - thing.side // 2, thing.x - thing.side // 2
                        cover += top <= y < top + thing.side and left <= x < left + thing.side
                if cover > most:
                    most, kinds[row, column] = cover, thing.kind
    return kinds.reshape(-1)


@pytest.mark.parametrize("index", range(6))
def test_patch_labels_agree_with_counting_pixels(index: int) -> None:
    layout = layout_of("train", 1000, index)
    labels = patch_facts(layout, 8)
    assert labels.shape == (64, len(TOKEN_FACTS))
    assert (labels[:, 0] == _slow_patch_kinds(layout, 8)).all()
    assert set(labels[:, 1]) <= {t.colour for t in layout.things} | {FACT_SIZES["colour"]}


def test_a_batch_is_the_same_whichever_step_the_run_began_with() -> None:
    def no_text(texts: list[str]) -> torch.Tensor:
        return torch.tensor([[len(text)] for text in texts])

    from_start = list(_Batches(no_text, 3, 8, range(0, 4)))
    resumed = list(_Batches(no_text, 3, 8, range(2, 4)))
    for late, again in zip(from_start[2:], resumed, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(late, again, strict=True))


def test_silent_labels_cost_nothing() -> None:
    logits, labels = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, SILENT, 2, SILENT])
    log = logits.log_softmax(1)
    assert fact_loss(logits, labels).item() == pytest.approx(-(log[0, 0] + log[2, 2]).item() / 2, abs=1e-6)
