"""The smallest numbers of pairs that a study needs, checked before anything is trained."""

from __future__ import annotations

from lib.base.errors import CompanionError
from lib.metrics.rows import blocks
from lib.worlds.session import Session


def check_sizes(session: Session, why: str, **least: int) -> None:
    """Refuse a world with fewer pairs in a split than a study needs.

    least: name of the split to the number; the error names all of them. why: the reason for the numbers.
    """
    if any(session.world.size(split) < number for split, number in least.items()):
        have = ", ".join(f"{session.world.size(split):,} in {split}" for split in least)
        need = ", ".join(f"{number:,} in {split}" for split, number in least.items())
        keys = " ".join(f"--set splits.{split}=N" for split in least)
        raise CompanionError(f"{why} needs at least {need}, and there are {have}; {keys} takes more")


def check_pairs_differ(session: Session) -> None:
    """Refuse a world in which all pictures of a split are the same, or all captions."""
    for split in ("train", "test"):
        found = session.world.embeddings(split)
        for rows, noun in ((found.tower("image"), "pictures"), (found.tower("text"), "captions")):
            if all((rows[part] == rows[0]).all() for part in blocks(len(rows), 1024)):
                what = f"all {len(rows)} {noun} of the split {split} have one embedding"
                raise CompanionError(f"{what}; a study of pairs needs different ones")
