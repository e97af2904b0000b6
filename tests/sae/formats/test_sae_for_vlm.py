"""Checkpoints written as the released trainers write them, read back, and everything that must not be read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.sae.base import SAE
from lib.sae.formats.sae_for_vlm import load_sae_for_vlm
from tests.sae.reference import random_rows, random_sae

GROUPS = [2, 3, 7]


def ours(recipe: str) -> SAE:
    sae = random_sae(recipe).float()
    sae.threshold.fill_(0.2)  # type: ignore[operator, union-attr]
    return sae


def batch_topk_layout(sae: SAE) -> dict[str, Tensor]:
    """Two linear layers, as `nn.Linear` keeps them."""
    return {
        "k": torch.tensor(3, dtype=torch.int),
        "threshold": torch.tensor(0.2),
        "b_dec": sae.b_dec.detach(),
        "decoder.weight": sae.W_dec.detach().T,
        "encoder.weight": sae.W_enc.detach().T,
        "encoder.bias": sae.b_enc.detach(),
    }


def matryoshka_layout(sae: SAE) -> dict[str, Tensor]:
    """Two plain matrices, and the sizes of the groups between the prefixes."""
    names = ("W_enc", "b_enc", "W_dec", "b_dec")
    plain = {name: getattr(sae, name).detach() for name in names}
    return plain | {"k": torch.tensor(3), "threshold": torch.tensor(0.2), "group_sizes": torch.tensor(GROUPS)}


def saved(tensors: object, folder: Path) -> tuple[Path, str]:
    path = folder / "ae_100000.pt"
    torch.save(tensors, path)
    return path, sha256_file(path)


@pytest.mark.parametrize(("recipe", "layout"), [("batch_topk", batch_topk_layout), ("matryoshka", matryoshka_layout)])
def test_a_released_checkpoint_encodes_by_its_own_definition(recipe: str, layout: object, tmp_path: Path) -> None:
    sae, x = ours(recipe), random_rows().float()
    tensors = layout(sae)  # type: ignore[operator]
    loaded = load_sae_for_vlm(*saved(tensors, tmp_path))
    assert loaded.config.recipe == recipe and loaded.config.k == 3 and not loaded.training
    pre = torch.relu((x - sae.b_dec) @ sae.W_enc + sae.b_enc)
    codes = pre * (pre > 0.2)
    torch.testing.assert_close(loaded.encode(x).dense(), codes)
    torch.testing.assert_close(loaded(x), codes @ sae.W_dec + sae.b_dec)


def test_the_groups_become_nested_prefixes(tmp_path: Path) -> None:
    loaded = load_sae_for_vlm(*saved(matryoshka_layout(ours("matryoshka")), tmp_path))
    assert loaded.prefixes == [2, 5, 12]  # type: ignore[attr-defined]


def test_a_threshold_that_was_never_set_is_a_relu(tmp_path: Path) -> None:
    sae, x = ours("batch_topk"), random_rows().float()
    tensors = batch_topk_layout(sae) | {"threshold": torch.tensor(-1.0)}
    codes = load_sae_for_vlm(*saved(tensors, tmp_path)).encode(x).dense()
    torch.testing.assert_close(codes, torch.relu((x - sae.b_dec) @ sae.W_enc + sae.b_enc))


def without(name: str) -> dict[str, Tensor]:
    return {key: value for key, value in batch_topk_layout(ours("batch_topk")).items() if key != name}


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (without("threshold"), "has b_dec, decoder.weight, .*; known are the checkpoints of BatchTopK and Matryo"),
        (without("") | {"b_dec": torch.zeros(4)}, "where its config asks for"),
        (without("") | {"b_dec": torch.full((5,), torch.nan)}, "contains NaN or infinity"),
        (without("") | {"decoder.weight": torch.zeros(5)}, "encoder and decoder must be matrices"),
        (without("") | {"k": torch.tensor([1, 2])}, "and k one number"),
        (without("") | {"k": torch.tensor(0)}, "k is 0 of 12 latents"),
        (without("") | {"k": torch.tensor(2.5)}, "k is 2.5, not a whole number"),
        (without("") | {"activation": torch.ones(1)}, "has activation, b_dec"),
        (
            matryoshka_layout(ours("matryoshka")) | {"group_sizes": torch.tensor([2, 3])},
            r"prefixes are \[2, 5\]; give whole numbers that rise to the width, 12",
        ),
    ],
)
def test_other_contents_are_told(tensors: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=message) as error:
        load_sae_for_vlm(*saved(tensors, tmp_path))
    assert "\n" not in str(error.value)
