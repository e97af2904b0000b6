import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError
from lib.editing.masks import caption_code_masks, exchange_masks, hard_masks, shuffle_latents
from tests.editing.toy import ACTIVE, toy
from tests.sae.reference import random_two_towers


def masks(n: int = 6, width: int = 8) -> torch.Tensor:
    return torch.rand(n, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("n", [2, 3, 50])
def test_no_caption_keeps_its_own_mask(n):
    given = masks(n)
    exchanged = exchange_masks(given, np.random.default_rng(0))
    assert not (exchanged == given).all(dim=1).any()
    assert sorted(exchanged[:, 0].tolist()) == sorted(given[:, 0].tolist())


def test_one_mask_cannot_be_exchanged():
    with pytest.raises(CompanionError, match="1 masks cannot be exchanged; give at least 2"):
        exchange_masks(masks(1), np.random.default_rng(0))


def test_a_random_mask_has_the_same_values():
    given = masks()
    dealt = shuffle_latents(given, np.random.default_rng(0))
    assert torch.equal(dealt.sort(dim=1).values, given.sort(dim=1).values) and not torch.equal(dealt, given)


def test_hard_masks_keep_the_largest():
    given = masks()
    hard = hard_masks(given, 3)
    assert (hard.sum(dim=1) == 3).all() and set(hard.unique().tolist()) == {0.0, 1.0}
    for row, kept in zip(given, hard, strict=True):
        assert row[kept == 1].min() >= row[kept == 0].max()
    for kept in (0, 9):
        with pytest.raises(CompanionError, match=f"{kept} of 8 latents kept; give 1 to 8"):
            hard_masks(given, kept)


def test_a_dictionary_of_another_kind_is_refused():
    with pytest.raises(CompanionError, match="a mask needs a one-tower dictionary, and 'vl_sae' is two-tower"):
        caption_code_masks(random_two_towers("vl_sae"), np.zeros((2, 5)), np.zeros(5), np.zeros(5))


def test_a_caption_s_own_code_keeps_the_latents_it_names():
    t = toy(200)
    text, image = (t.pairs.tower(tower) for tower in ("text", "image"))
    made = caption_code_masks(t.sae, text, text.mean(axis=0), image.mean(axis=0)).numpy()
    assert set(np.unique(made)) == {0.0, 1.0} and (made.sum(axis=1) <= ACTIVE).all()
    assert made[t.told].mean() > 4 * made[~t.told].mean()
    expected = t.sae.encode(torch.from_numpy(text[:1] + image.mean(axis=0) - text.mean(axis=0))).pattern.latents
    assert np.flatnonzero(made[0]).tolist() == expected.tolist()
