"""The mask of latents: shared by a pair, of the right share, in training only."""

from __future__ import annotations

import pytest
import torch

from lib.base.errors import CompanionError
from lib.sae.config import PairedConfig
from lib.sae.models.mgsae import MGSAE
from lib.sae.recipes import build
from tests.sae.reference import NONE, random_paired, random_pairs


def test_it_starts_as_the_dictionary_without_a_mask():
    sample = random_pairs()
    masked, plain = (build(PairedConfig(recipe, 12, 3), sample.shape[-1]) for recipe in ("mgsae", "gsae"))
    for sae in (masked, plain):
        sae.initialise(sample, torch.Generator().manual_seed(3))
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in masked.state_dict().items())
    assert bool(masked.biases.any())


@pytest.mark.parametrize("rows", ["pair", "batch"])
def test_the_mask_is_shared_by_a_pair_and_hides_its_share(rows):
    sae = MGSAE(PairedConfig("mgsae", 400, 3, mask=0.25, mask_rows=rows), 5)
    sae.generators = (torch.Generator().manual_seed(0),)
    hidden = sae.hide_latents(torch.ones(20, 400)).view(10, 2, 400) == 0
    assert torch.equal(hidden[:, 0], hidden[:, 1])
    assert 0.2 < float(hidden.float().mean()) < 0.3
    assert bool((hidden[0] == hidden[1]).all()) is (rows == "batch")


def test_members_with_masks_of_their_own_hide_as_much_and_not_the_same():
    sae = MGSAE(PairedConfig("mgsae", 400, 3, mask=0.25, mask_rows="member"), 5)
    sae.generators = (torch.Generator().manual_seed(0),)
    hidden = sae.hide_latents(torch.ones(20, 400)).view(10, 2, 400) == 0
    first, second = hidden.unbind(dim=1)
    assert 0.2 < float(first.float().mean()) < 0.3 and 0.2 < float(second.float().mean()) < 0.3
    assert 0.03 < float((first & second).float().mean()) < 0.1, "as often as two independent draws"


def test_a_hidden_latent_is_never_active_in_training_and_nothing_is_hidden_at_inference():
    sae = random_paired("mgsae", k=12, mask=0.9)
    sae.generators = (torch.Generator().manual_seed(0),)
    assert int(sae.loss(random_pairs(), NONE).fired.sum()) < 40
    x = random_pairs()[:, 1]
    expected = torch.relu((x - sae.biases[1]) @ sae.W_enc + sae.b_enc)
    torch.testing.assert_close(sae.of("text").encode(x).dense(), expected.detach())
    with pytest.raises(CompanionError, match="call `initialise`"):
        random_paired("mgsae", mask=0.2).loss(random_pairs(), NONE)
