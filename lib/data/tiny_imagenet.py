"""Tiny-ImageNet's validation photos: 64 x 64 pixels, one label each, and WordNet's taxonomy over the labels.

Sources: Le and Yang, Tiny ImageNet Visual Recognition Challenge (2015); the class hierarchy is that of BREEDS
(Santurkar et al., ICLR 2021), a WordNet cut down to ImageNet's classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lib.data.archive import TarImages
from lib.data.errors import CompanionError
from lib.data.fetch import locate, unpack
from lib.data.files import digest
from lib.data.pairs import Facts, Pairs
from lib.data.text_files import read_text

DATASET, HIERARCHY = "tiny-imagenet", "imagenet-hierarchy"
ARCHIVE = "tiny-imagenet/val.tar"
FOREIGN = ("n02480855", "n10148035")
"""Classes in this copy that are not of the original 200."""

RANKS = ("realm", "group", "kind")
DEPTHS = (2, 3)
"""Depth of a realm (animal, structure, food) and of a group (mammal, garment) under the root of the hierarchy."""


def tiny_imagenet(names: Sequence[str] | None = None) -> Pairs:
    """The photos whose class has a place in the hierarchy: 50 of each of 181 classes, or those with the `names`.

    captions: "a photo of a CLASS". facts: realm, group and kind, named by WordNet id; a caption tells the
    kind. NotAvailable where a file is not here.
    """
    labels = read_labels(unpack(DATASET, ARCHIVE) / "val_annotations.txt")
    paths = read_paths(locate(HIERARCHY, "text/hierarchy/class_hierarchy.txt"))
    rows = sorted((wnid, name) for name, wnid in labels.items() if wnid in paths and wnid not in FOREIGN)
    if names is not None:
        rows = [(labels[name], name) for name in names]
    identity: dict[str, Any] = {"dataset": DATASET, "split": "val", "ranks": list(DEPTHS)}
    if names is not None:
        identity["rows"] = digest([name for _, name in rows])
    words = class_names(locate(DATASET, "tiny-imagenet/words.txt"))
    kinds = [wnid for wnid, _ in rows]
    return Pairs(
        ids=np.array([name for _, name in rows]),
        images=TarImages(locate(DATASET, ARCHIVE), [f"val/images/{name}" for _, name in rows]),
        captions=tuple((f"a photo of a {words[wnid]}",) for wnid in kinds),
        identity=identity,
        facts=label_facts([paths[wnid] for wnid in kinds]),
    )


def label_facts(paths: list[tuple[str, ...]]) -> Facts:
    """Facts of pictures from the realm, group and kind of each."""
    names = [f"{rank}:{one}" for i, rank in enumerate(RANKS) for one in sorted({path[i] for path in paths})]
    column = {name: place for place, name in enumerate(names)}
    truth = np.zeros((len(paths), len(names)), bool)
    for i, rank in enumerate(RANKS):
        truth[np.arange(len(paths)), [column[f"{rank}:{path[i]}"] for path in paths]] = True
    told = truth[:, None] & np.array([name.startswith("kind:") for name in names])
    return Facts(tuple(names), truth, told)


def read_labels(path: Path) -> dict[str, str]:
    """Picture to WordNet id, from a file of tab-separated lines that begin with both."""
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
    """Leaf of a hierarchy to its realm, its group and itself, from lines of a parent and a child."""
    parent: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        parts = line.split()
        if len(parts) != 2 or parts[1] in parent:
            raise CompanionError(f"{path.name}, line {number}: not a parent and a new child; get the file again")
        parent[parts[1]] = parts[0]
    leaves = set(parent) - set(parent.values())
    ways = {leaf: _way(leaf, parent, path.name) for leaf in sorted(leaves)}
    return {leaf: (*(way[d] for d in DEPTHS), leaf) for leaf, way in ways.items() if len(way) > max(DEPTHS) + 1}


def _way(leaf: str, parent: dict[str, str], name: str) -> list[str]:
    way = [leaf]
    while way[-1] in parent:
        way.append(parent[way[-1]])
        if len(way) > len(parent):
            raise CompanionError(f"{name}: {leaf} is its own ancestor; get the file again")
    return way[::-1]


def class_names(path: Path) -> dict[str, str]:
    """WordNet id to its first name, from lines of an id, a tab and names with commas between them."""
    pairs = [line.split("\t", 1) for line in read_text(path).splitlines() if line]
    if any(len(pair) != 2 for pair in pairs):
        raise CompanionError(f"{path.name}: a line without id, tab and name; get the file again")
    return {wnid: names.split(",")[0] for wnid, names in pairs}
