"""The effects of claims 5 and 8, on random ranks, against loops over pictures and captions."""

from __future__ import annotations

import numpy as np
import pytest

from lib.encoders.embeddings import Embeddings
from lib.metrics.retrieval import Ranks, Retrieval
from lib.papers.p4.caption_ranks import MeasuredRanks, Pool
from lib.papers.p4.retrieval_evidence import needing, retrieving
from lib.report.evidence import judge

SEEDS, PICTURES = (0, 1, 2), 30
ARMS = (
    "unedited", "all latents kept", "masker", "masker + text", "text only", "dimension mask", "leaky training",
    "latent query", "constant mask", "residual dropped", "oracle mask", "other caption's mask",
)  # fmt: skip
OWNERS = {"short": np.arange(PICTURES), "long": np.repeat(np.arange(PICTURES), 2)}


def pools() -> list[Pool]:
    image = np.ones((PICTURES, 2), np.float32)
    ids = np.arange(PICTURES).astype(str)
    pictures = Embeddings(ids, image, None, "made", normalised=False, identity={})
    return [Pool(name, pictures, np.ones((len(owner), 2), np.float32), owner) for name, owner in OWNERS.items()]


def measured() -> list[MeasuredRanks]:
    random = np.random.default_rng(0)

    def ranks(n: int, share: float) -> Ranks:
        return Ranks(np.where(random.random(n) < share, 1.0, 5.0))

    found = []
    for pool, owner in OWNERS.items():
        for place, arm in enumerate(ARMS):
            for seed in SEEDS:
                share = 0.3 + 0.04 * place + 0.02 * seed
                both = Retrieval(ranks(PICTURES, share), ranks(len(owner), share))
                found.append(MeasuredRanks(pool, arm, seed, both))
    return found


def r1(found: list[MeasuredRanks], arm: str, seed: int, directions: tuple[str, ...] = ("i2t", "t2i")) -> float:
    """The mean over pools and directions of the share of queries whose right answer is first, by loops, in percent."""
    shares = []
    for pool in OWNERS:
        (one,) = [m for m in found if (m.pool, m.arm, m.seed) == (pool, arm, seed)]
        for direction in directions:
            ranks = (one.ranks.image_to_text if direction == "i2t" else one.ranks.text_to_image).ranks
            shares.append(100 * sum(rank == 1 for rank in ranks) / len(ranks))
    return sum(shares) / len(shares)


@pytest.mark.parametrize(
    ("name", "arm", "over", "directions"),
    [
        ("gain over unedited", "masker + text", "unedited", ("i2t", "t2i")),
        ("gain of pictures to texts", "masker + text", "unedited", ("i2t",)),
        ("gain of texts to pictures", "masker + text", "unedited", ("t2i",)),
        ("gain over tuned text", "masker + text", "text only", ("i2t", "t2i")),
    ],
)
def test_claim_5(name: str, arm: str, over: str, directions: tuple[str, ...]) -> None:
    found = measured()
    made = retrieving(found, pools())
    judge(made, "41_retrieval")
    wanted = [r1(found, arm, seed, directions) - r1(found, over, seed, directions) for seed in SEEDS]
    assert made.parts[name].values == pytest.approx(wanted)
    assert made.parts[name].below > 0 and made.n == PICTURES
    alone = [r1(found, "masker", seed) - r1(found, "unedited", seed) for seed in SEEDS]
    assert made.context["gain of the masker alone"].values == pytest.approx(alone)


@pytest.mark.parametrize(
    ("name", "arm", "over"),
    [
        ("advantage over a dimension mask", "masker", "dimension mask"),
        ("advantage over leaky training", "masker", "leaky training"),
        ("advantage over tuned text", "masker + text", "text only"),
    ],
)
def test_claim_8(name: str, arm: str, over: str) -> None:
    found = measured()
    made = needing(found, pools())
    judge(made, "41_retrieval")
    assert made.parts[name].values == pytest.approx([r1(found, arm, s) - r1(found, over, s) for s in SEEDS])
    dropped = made.context["R@1, residual dropped"].values
    assert dropped == pytest.approx([r1(found, "residual dropped", s) for s in SEEDS])


def test_other_pools_are_left_out() -> None:
    found = [m for m in measured() if m.pool == "short"]
    made = retrieving([*found, MeasuredRanks("both", "masker", 0, found[0].ranks)], pools()[:1])
    (alone,) = [m for m in found if (m.arm, m.seed) == ("masker", 0)]
    assert made.seeds == [0, 1, 2] and made.n == len(alone.ranks.image_to_text.ranks)
