"""What a study needs at least of its pairs: stated by `lib doctor`, and checked before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.base.errors import CompanionError
from lib.metrics.rows import blocks

if TYPE_CHECKING:  # the doctor, which answers at once, cannot wait for the imports of a session
    from lib.worlds.profiles import Profile
    from lib.worlds.session import Session

PAIR_LATENTS = 512
"""Latents of the dictionaries of paper 2, where the profile names no width."""

SMALL_SHARE = 0.1
"""Share of the training pairs on which an arm of paper 2 trains, to see what less data does."""

TOP_MEMBERS = 10
"""Pictures, and captions, that stand for a latent of paper 2, as in its released code."""


@dataclass(frozen=True)
class Least:
    """The fewest pairs in a split, and whether they must have captions."""

    why: str
    """What needs so many."""
    train: int
    """Pairs in the split train."""
    test: int
    """Pairs in the split test."""
    dev: int = 1
    """Pairs in the split dev."""
    captions: bool = True
    """Whether every picture needs a caption; where it does not, captions may be absent."""

    @property
    def sizes(self) -> dict[str, int]:
        """The number of each split that needs more than the one pair that every split has."""
        sizes = {"train": self.train, "dev": self.dev, "test": self.test}
        return {split: number for split, number in sizes.items() if number > 1}

    def line(self) -> str:
        """The sizes in words: "16 in train, 60 in test"."""
        return f"{_in_words(self.sizes)}, captions" if self.captions else _in_words(self.sizes)

    def lacking(self, profile: Profile) -> Iterator[str]:
        """The sizes that the splits of a profile do not reach, in words."""
        have = profile.splits.model_dump()
        yield from (_in_words({split: number}) for split, number in self.sizes.items() if have[split] < number)


def _in_words(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} in {split}" for split, number in sizes.items())


SCORES = Least("a Monosemanticity Score of every latent", train=16, test=60, captions=False)
"""As many pictures as a latent shows, and as many as the pairwise sums of notebook 10 take."""

PAIRS = Least("a study of pairs", train=2, test=2)
"""A pair and another one to compare it with."""


def concept_lists(latents: int = PAIR_LATENTS) -> Least:
    """What dictionaries of pairs with so many latents need to be compared by their lists, as in paper 2.

    Exemplars and k-means have no more latents than there are training rows, two for each pair; the smallest arm trains
    on one pair at least; a latent's lists are of TOP_MEMBERS test pairs; rates are compared on dev pairs that differ.
    """
    train = max(math.ceil(latents / 2), round(1 / SMALL_SHARE))
    return Least(f"a control whose {latents} latents are training rows", train, TOP_MEMBERS, dev=2)


def _concept_lists(profile: Profile) -> Least:
    return concept_lists(profile.pairs.width) if profile.pairs else concept_lists()


LEAST: dict[str, Callable[[Profile], Least]] = {
    "10": lambda profile: SCORES,
    **dict.fromkeys(("20", "23", "24"), _concept_lists),
    **dict.fromkeys(("30", "31", "33", "41"), lambda profile: PAIRS),
}
"""By the numbers of the notebooks that a user's own data can run."""


def check_splits(profile: Profile, least: Least) -> None:
    """Refuse a profile with fewer pairs in a split than a study needs."""
    if list(least.lacking(profile)):
        splits = profile.splits.model_dump()
        need, have = _in_words(least.sizes), _in_words({split: splits[split] for split in least.sizes})
        keys = " ".join(f"--set splits.{split}=N" for split in least.sizes)
        raise CompanionError(f"{least.why} needs at least {need}, and there are {have}; {keys} takes more")


def check_sizes(session: Session, least: Least) -> None:
    """Refuse a world with fewer pairs in a split than a study needs, or without the captions that it needs."""
    check_splits(session.profile, least)
    if least.captions:
        session.world.embeddings("train").tower("text")


def check_pairs_differ(session: Session) -> None:
    """Refuse a world of one pair, or in which all pictures of a split are the same, or all captions."""
    check_sizes(session, PAIRS)
    for split in ("train", "test"):
        found = session.world.embeddings(split)
        for rows, noun in ((found.tower("image"), "pictures"), (found.tower("text"), "captions")):
            if all((rows[part] == rows[0]).all() for part in blocks(len(rows), 1024)):
                what = f"all {len(rows)} {noun} of the split {split} have one embedding"
                raise CompanionError(f"{what}; a study of pairs needs different ones")
