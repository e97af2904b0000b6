"""RoCOCO: Karpathy's COCO test images with a second set of captions in which one word is wrong.

Source: Park et al., arXiv 2304.10727. The wrong captions join the pool, and a model is robust if it does not prefer
them. Three of the four files are in lower case and without a full stop, and in *danger* a blank precedes it. A model
may thus recognise the wrong captions by their style alone, so score both sides in `plain_style`, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from lib.base.errors import CompanionError
from lib.data.formats.fetch import locate
from lib.data.formats.text_files import field, read_json, text_field, text_pairs
from lib.data.pairs import Pairs
from lib.data.sets.karpathy_splits import coco_karpathy

FILES = ("same_concept", "diff_concept", "rand_voca", "danger")
"""The published files.

The wrong word is from the same group of nouns, from another group, from a whole vocabulary, or one of three dangerous
words.
"""

_SHARED = 5
"""The number of altered captions per image; ten images have a sixth caption of their own, which has no altered one."""


@dataclass(frozen=True)
class Altered:
    """Images with their own captions and with altered ones, in the same order."""

    originals: Pairs
    """The images with their own captions."""
    altered: Pairs
    """The images with altered captions; altered caption j of an image is made from its original caption j."""

    def unchanged(self) -> int:
        """Count the altered captions that are equal to their original."""
        both = zip(self.originals.captions or (), self.altered.captions or (), strict=True)
        return sum(new == old for before, after in both for old, new in zip(before, after, strict=False))

    def plain(self) -> Altered:
        """Return both sides in `plain_style`, the control for style."""
        return Altered(_plain(self.originals), _plain(self.altered))


def rococo(kind: str) -> Altered:
    """Read Karpathy's 5,000 COCO test images with their 25,010 captions and 25,000 altered ones."""
    if kind not in FILES:
        raise CompanionError(f"RoCOCO has no file {kind!r}; known: {', '.join(FILES)}")
    return read_rococo(locate("rococo", f"text/rococo/{kind}.json"), coco_karpathy("test"))


def read_rococo(path: Path, originals: Pairs) -> Altered:
    """Read a file in which the altered captions of each image follow its own captions, those of `originals`."""
    value = read_json(path)
    if not isinstance(value, list) or len(value) != len(originals):
        found = len(value) if isinstance(value, list) else "no list of"
        raise CompanionError(f"{path.name}: {found} images where the split has {len(originals)}; get the file again")
    entries = []
    for number, (image, name, own) in enumerate(zip(value, originals.ids, originals.captions or (), strict=True)):
        where = f"{path.name}, image {number}"
        texts = tuple(field(image, "caption", list, where))
        if text_field(image, "image", where) != name or texts[: len(own)] != own:
            raise CompanionError(f"{where}: not {name} with its own captions first; give the split that it was made of")
        if len(texts) != len(own) + _SHARED:
            raise CompanionError(
                f"{where}: {len(texts) - len(own)} altered captions in place of {_SHARED}; get the file again"
            )
        entries.append((str(name), texts[len(own) :]))
    return Altered(originals, text_pairs("rococo", [path], entries))


def plain_style(text: str) -> str:
    """Write a text in lower case, with single blanks, none before punctuation, and without a full stop."""
    text = re.sub(r"\s+([.,;:!?])", r"\1", " ".join(text.lower().split()))
    return text.rstrip(" .!?")


def _plain(pairs: Pairs) -> Pairs:
    captions = tuple(tuple(plain_style(text) for text in texts) for texts in pairs.captions or ())
    return replace(pairs, captions=captions, identity={**pairs.identity, "style": "plain"})
