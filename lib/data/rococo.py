"""RoCOCO: Karpathy's COCO test images with a second set of captions in which one word is wrong.

Source: Park et al., arXiv 2304.10727. The wrong captions join the pool, and a model is robust if it does not prefer
them. Three of the four files are lower-cased and without a final stop, *danger* has its stop set apart: a model may
tell the wrong captions by their style alone, so score both sides in `plain_style`, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from lib.data.errors import CompanionError
from lib.data.fetch import locate
from lib.data.karpathy import coco_karpathy
from lib.data.pairs import Pairs
from lib.data.text_files import field, read_json, sentence, text_pairs

KINDS = ("same_concept", "diff_concept", "rand_voca", "danger")
"""Where the wrong word comes from: the same group of nouns, another, a whole vocabulary, three dangerous words."""

SHARED = 5
"""Every image has as many altered captions, made of its first five; ten images have a sixth, untouched one."""


@dataclass(frozen=True)
class Altered:
    """originals, altered: the same images in the same order; altered caption j of an image is made of its caption j."""

    originals: Pairs
    altered: Pairs

    def unchanged(self) -> int:
        """Altered captions that are equal to their original, and so cannot be told from it."""
        both = zip(self.originals.captions or (), self.altered.captions or (), strict=True)
        return sum(new == old for before, after in both for old, new in zip(before, after, strict=False))

    def plain(self) -> Altered:
        """Both sides in `plain_style`, the control for style."""
        return Altered(_plain(self.originals), _plain(self.altered))


def rococo(kind: str) -> Altered:
    """Karpathy's 5,000 COCO test images, their 25,010 captions and 25,000 altered ones."""
    if kind not in KINDS:
        raise CompanionError(f"RoCOCO has no file {kind!r}; known: {', '.join(KINDS)}")
    return read_rococo(locate("rococo", f"text/rococo/{kind}.json"), coco_karpathy("test"))


def read_rococo(path: Path, originals: Pairs) -> Altered:
    """The altered captions of a RoCOCO file, where they follow an image's own ones, those of `originals`."""
    value = read_json(path)
    if not isinstance(value, list) or len(value) != len(originals):
        found = len(value) if isinstance(value, list) else "no list of"
        raise CompanionError(f"{path.name}: {found} images where the split has {len(originals)}; get the file again")
    entries = []
    for number, (image, name, own) in enumerate(zip(value, originals.ids, originals.captions or (), strict=True)):
        where = f"{path.name}, image {number}"
        texts = tuple(field(image, "caption", list, where))
        if sentence(image, "image", where) != name or texts[: len(own)] != own:
            raise CompanionError(f"{where}: not {name} with its own captions first; give the split that it was made of")
        if len(texts) != len(own) + SHARED:
            raise CompanionError(
                f"{where}: {len(texts) - len(own)} altered captions in place of {SHARED}; get the file again"
            )
        entries.append((str(name), texts[len(own) :]))
    return Altered(originals, text_pairs("rococo", [path], entries))


def plain_style(text: str) -> str:
    """Lower case, single blanks, none before punctuation, and no stop at the end."""
    text = re.sub(r"\s+([.,;:!?])", r"\1", " ".join(text.lower().split()))
    return text.rstrip(" .!?")


def _plain(pairs: Pairs) -> Pairs:
    captions = tuple(tuple(plain_style(text) for text in texts) for texts in pairs.captions or ())
    return replace(pairs, captions=captions, identity={**pairs.identity, "style": "plain"})
