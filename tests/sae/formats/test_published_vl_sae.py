"""Checkpoints in the published layout, written here: same codes, and refusal of everything else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.sae.formats.published_vl_sae import from_vl_sae, load_vl_sae

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
    sae = load_vl_sae(path, sha256_file(path)[:12], k=5)
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
    torch.save(state() | {"more": torch.ones(1)}, path)
    with pytest.raises(CompanionError, match=r"model.pth has encoder, more, .*; give a checkpoint of VL-SAE"):
        load_vl_sae(path, sha256_file(path))
    with pytest.raises(CompanionError, match=r"x has encoder, not encoder, text_decoder.bias"):
        from_vl_sae({"encoder": torch.ones(2, 2)}, "x", 1)
    with pytest.raises(CompanionError, match=r"encoder has the shape \(6,\); give a matrix"):
        from_vl_sae(state() | {"encoder": torch.ones(D)}, "x", 1)
    with pytest.raises(CompanionError, match=r"a decoder of shapes \(6, 47\)"):
        from_vl_sae(state() | {"vision_decoder.weight": torch.ones(D, WIDTH - 1)}, "x", 1)
    with pytest.raises(CompanionError, match="k is 256 of 48 latents"):
        from_vl_sae(state(), "x")
    other = {name: tensor for name, tensor in state().items() if not name.endswith("weight")}
    other |= {
        "encoder": torch.ones(12, D),
        **{f"{one}_decoder.weight": torch.ones(D, 12) for one in ("vision", "text")},
    }
    with pytest.raises(CompanionError, match="x has 12 latents for 6 dimensions and the published ones 8 for each, so"):
        from_vl_sae(other, "x")
    assert from_vl_sae(other, "x", 3).config.k == 3
    for bad in (torch.nan, torch.inf):
        with pytest.raises(CompanionError, match="NaN or infinity"):
            from_vl_sae(state() | {"text_decoder.bias": torch.tensor([bad, *[0.0] * (D - 1)])}, "x", 1)
