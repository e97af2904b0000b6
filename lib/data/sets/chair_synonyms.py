"""CHAIR's published synonyms, and the COCO categories that a caption mentions by them.

Source: Rohrbach et al., EMNLP 2018, arXiv 1809.02156. A line of the file is a COCO category: its name, then its
synonyms. A caption mentions a category if one of these is among its words in the singular; the longest match counts, so
that a "hot dog" is not a dog. Some pairs of words are exceptions, as in the published script: a toilet seat is a
toilet, and a home plate is none of the objects.
"""

from __future__ import annotations

import re
from pathlib import Path

from lib.base.errors import CompanionError

_ANIMALS = ["bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "animal", "cub"]
_VEHICLES = ["jet", "train"]
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_IRREGULAR = {"people": "people", "children": "child", "men": "man", "women": "woman", "sheep": "sheep"} | {
    "knives": "knife",
    "mice": "mouse",
    "geese": "goose",
    "skis": "skis",
    "scissors": "scissors",
    "buses": "bus",
    "bus": "bus",
    "glass": "glass",
    "calves": "calf",
    "puppies": "puppy",
}


class Synonyms:
    """COCO's categories, each with the words that mention it.

    lines: the name of each category, then its synonyms.
    """

    def __init__(self, lines: list[list[str]]) -> None:
        self.categories = [line[0] for line in lines]
        self._category: dict[str, str] = {}
        for line in lines:
            for phrase in line:
                self._category.setdefault(" ".join(singular(word) for word in phrase.split()), line[0])
        for animal in _ANIMALS:  # a baby giraffe is a giraffe, not a person
            for young in ("baby", "adult"):
                self._category[f"{young} {animal}"] = self._category.get(animal, "")
        for vehicle in _VEHICLES:
            self._category[f"passenger {vehicle}"] = self._category.get(vehicle, "")
        self._category |= {"bow tie": self._category.get("tie", ""), "toilet seat": self._category.get("toilet", "")}
        self._category |= {"wine glas": self._category.get("wine glass", ""), "train track": "", "home plate": ""}
        self._longest = max(len(phrase.split()) for phrase in self._category)

    def mentions(self, caption: str) -> list[str]:
        """Find the categories that a caption mentions, in its order; repeated ones are repeated."""
        words = [singular(word) for word in _WORD.findall(caption.lower())]
        found, at = [], 0
        while at < len(words):
            length = next((n for n in range(self._longest, 0, -1) if " ".join(words[at : at + n]) in self._category), 0)
            if length:
                found.append(self._category[" ".join(words[at : at + length])])
            at += max(1, length)
        return [category for category in found if category]


def read_synonyms(path: Path) -> Synonyms:
    """Read the published `synonyms.txt`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CompanionError(f"cannot read CHAIR's {path.name} ({type(error).__name__}); give synonyms.txt") from None
    lines = [[" ".join(part.split()) for part in line.split(",") if part.strip()] for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        raise CompanionError(f"{path.name} has no categories; give CHAIR's synonyms.txt")
    return Synonyms(lines)


def singular(word: str) -> str:
    """Return the singular of an English noun, by its ending."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us")) else word
