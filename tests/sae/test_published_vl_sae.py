"""Checkpoints in the published layout, written here: same codes, checked hash, and refusal of everything else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lib.data.errors import CompanionError, NotAvailable
from lib.data.files import sha256_file
from lib.sae.published_vl_sae import from_state, load_published

D, WIDTH = 6, 48


def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"encoder": (WIDTH, D)}
    for tower in ("vision", "text"):
        shapes |= {f"{tower}_decoder.weight": (D, WIDTH), f"{tower}_decoder.bias": (D,)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def test_a_published_file_encodes_and_decodes_as_published(tmp_path: Path) -> None:
    path, weights = tmp_path / "model.pth", state()
    torch.save(weights, path)
    sae = load_published(path, sha256=sha256_file(path)[:12], k=5)
    x = torch.randn(9, D, generator=torch.Generator().manual_seed(1))
    unit, rows = (torch.nn.functional.normalize(m, dim=1) for m in (x, weights["encoder"]))
    dense = 2 - torch.cdist(unit, rows)
    dense *= dense >= dense.topk(5, dim=1).values[:, -1:]
    code = sae.encode_tower(x, "text")
    torch.testing.assert_close(code.dense(), dense, atol=2e-3, rtol=0)
    expected = dense @ weights["text_decoder.weight"].t() + weights["text_decoder.bias"]
    torch.testing.assert_close(sae.decode_tower(code, "text"), expected, atol=5e-2, rtol=0)


def test_refusals(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    with pytest.raises(NotAvailable, match=r"model.pth is not here; get it from the hub repository shufanshen/VL-SAE"):
        load_published(path, sha256="0" * 64)
    torch.save(state(), path)
    with pytest.raises(CompanionError, match=r"model.pth has the sha256 .*, not 0000"):
        load_published(path, sha256="0" * 64)
    torch.save(Path("anything"), path)
    with pytest.raises(CompanionError, match="no state dict of tensors"):
        load_published(path, sha256=sha256_file(path))
    with pytest.raises(CompanionError, match=r"holds \['encoder'\], not encoder, vision"):
        from_state({"encoder": torch.ones(2, 2)}, "x", 1)
    with pytest.raises(CompanionError, match=r"a decoder of shapes \(6, 47\)"):
        from_state(state() | {"vision_decoder.weight": torch.ones(D, WIDTH - 1)}, "x", 1)
    for bad in (torch.nan, torch.inf):
        with pytest.raises(CompanionError, match="NaN or infinity"):
            from_state(state() | {"text_decoder.bias": torch.tensor([bad, *[0.0] * (D - 1)])}, "x", 1)
