"""Tiny-ImageNet's validation photos of 64 x 64 pixels with one label each, and a taxonomy of the labels.

Sources: Le and Yang, Tiny ImageNet Visual Recognition Challenge (2015); the taxonomy is the class hierarchy of BREEDS
(Santurkar et al., ICLR 2021), WordNet reduced to ImageNet's classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.errors import CompanionError
from lib.base.files import digest
from lib.data.formats.archive import TarImages
from lib.data.formats.fetch import locate, unpack
from lib.data.formats.text_files import read_text
from lib.data.pairs import Facts, Pairs

_DATASET, _HIERARCHY = "tiny-imagenet", "imagenet-hierarchy"
_ARCHIVE = "tiny-imagenet/val.tar"
_FOREIGN = ("n02480855", "n10148035")
"""The classes of this copy that are not among the original 200."""

RANKS = ("realm", "group", "kind")
"""The ranks of the taxonomy, from coarse to fine; the kinds are the labels."""

_DEPTHS = (2, 3)
"""The depths of realms (animal, structure, food) and of groups (mammal, garment) under the root of the hierarchy."""


def tiny_imagenet(names: Sequence[str] | None = None) -> Pairs:
    """Read the photos whose class is in the hierarchy: 50 of each of 181 classes, or those with these file names.

    The captions are "a photo of a CLASS". The facts are realm, group and kind, named by WordNet id; a caption mentions
    the kind. Raises NotAvailable if a file is missing.
    """
    labels = read_labels(unpack(_DATASET, _ARCHIVE) / "val_annotations.txt")
    paths = read_paths(locate(_HIERARCHY, "text/hierarchy/class_hierarchy.txt"))
    rows = sorted((wnid, name) for name, wnid in labels.items() if wnid in paths and wnid not in _FOREIGN)
    if names is not None:
        rows = [(labels[name], name) for name in names]
    identity: dict[str, Any] = {"dataset": _DATASET, "split": "val", "ranks": list(_DEPTHS)}
    if names is not None:
        identity["rows"] = digest([name for _, name in rows])
    words = class_names(locate(_DATASET, "tiny-imagenet/words.txt"))
    kinds = [wnid for wnid, _ in rows]
    return Pairs(
        ids=np.array([name for _, name in rows]),
        images=TarImages(locate(_DATASET, _ARCHIVE), [f"val/images/{name}" for _, name in rows]),
        captions=tuple((f"a photo of a {words[wnid]}",) for wnid in kinds),
        identity=identity,
        facts=label_facts([paths[wnid] for wnid in kinds]),
    )


def label_facts(paths: list[tuple[str, ...]]) -> Facts:
    """Make the facts of pictures from the realm, group and kind of each."""
    names = [f"{rank}:{one}" for i, rank in enumerate(RANKS) for one in sorted({path[i] for path in paths})]
    column = {name: place for place, name in enumerate(names)}
    truth = np.zeros((len(paths), len(names)), bool)
    for i, rank in enumerate(RANKS):
        truth[np.arange(len(paths)), [column[f"{rank}:{path[i]}"] for path in paths]] = True
    told = truth[:, None] & np.array([name.startswith("kind:") for name in names])
    return Facts(tuple(names), truth, told)


def read_labels(path: Path) -> dict[str, str]:
    """Read the WordNet id of each picture from a file of tab-separated lines that begin with both."""
    labels: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        name, _, rest = line.partition("\t")
        wnid = rest.split("\t")[0]
        if not name or len(wnid) != 9 or wnid[0] != "n":
            raise CompanionError(f"{path.name}, line {number}: not a picture and its class; get the file again")
        if name in labels:
            raise CompanionError(f"{path.name}, line {number}: {name} appears twice; get the file again")
        labels[name] = wnid
    return labels


def read_paths(path: Path) -> dict[str, tuple[str, ...]]:
    """Read the realm, group and id of each leaf of a hierarchy from a file of lines of a parent and a child."""
    parent: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        parts = line.split()
        if len(parts) != 2 or parts[1] in parent:
            raise CompanionError(f"{path.name}, line {number}: not a parent and a new child; get the file again")
        parent[parts[1]] = parts[0]
    leaves = set(parent) - set(parent.values())
    ways = {leaf: _way(leaf, parent, path.name) for leaf in sorted(leaves)}
    return {leaf: (*(way[d] for d in _DEPTHS), leaf) for leaf, way in ways.items() if len(way) > max(_DEPTHS) + 1}


def _way(leaf: str, parent: dict[str, str], name: str) -> list[str]:
    way = [leaf]
    while way[-1] in parent:
        way.append(parent[way[-1]])
        if len(way) > len(parent):
            raise CompanionError(f"{name}: {leaf} is its own ancestor; get the file again")
    return way[::-1]


def class_names(path: Path) -> dict[str, str]:
    """Read the first name of each WordNet id from a file of lines of an id, a tab, and names with commas between."""
    pairs = [line.split("\t", 1) for line in read_text(path).splitlines() if line]
    if any(len(pair) != 2 for pair in pairs):
        raise CompanionError(f"{path.name}: a line without id, tab and name; get the file again")
    return {wnid: names.split(",")[0] for wnid, names in pairs}
