"""iNaturalist 2021: a JSON file of images, annotations and categories beside a folder of pictures.

Source: Van Horn et al., Benchmarking Representation Learning for Natural World Image Collections (CVPR 2021). Paper 1
takes its taxonomy for appendix E.3.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lib.data.errors import CompanionError
from lib.data.files import sha256_file
from lib.data.folder import check_names
from lib.data.images import LazyImages, open_image
from lib.data.pairs import Facts, Pairs
from lib.data.text_files import field, read_json

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "name")
"""From coarse to fine; a category's name is its species."""


class ListedImages(LazyImages):
    """Pictures under a folder that a file lists by their paths."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        super().__init__(names)
        self.folder = folder

    def read(self, name: str) -> Any:
        return open_image(self.folder / name, name)


def inaturalist(annotations: Path, folder: Path) -> Pairs:
    """The pictures that an annotation file lists, under `folder`; ids are their paths.

    captions: "a photo of a SPECIES". facts: every rank of the taxonomy, as `genus:Quercus`, the species as `kind:...`.
    """
    if not folder.is_dir():
        raise CompanionError(f"{folder}: no such folder; give the one that the paths in {annotations.name} begin in")
    value, where = read_json(annotations), annotations.name
    files = _by_id(field(value, "images", list, where), "file_name", where, str)
    kinds = _by_id(field(value, "categories", list, where), "name", where, str, whole=True)
    owner: dict[str, int] = {}
    for one in field(value, "annotations", list, where):
        image, kind = (field(one, key, int, where) for key in ("image_id", "category_id"))
        if image not in files or kind not in kinds:
            raise CompanionError(
                f"{where}: an annotation names image {image} or category {kind}, which it does not list"
            )
        if files[image] in owner:
            raise CompanionError(f"{where}: {files[image]} has two annotations; get the file again")
        owner[files[image]] = kind
    check_names(files.values(), folder)
    if missing := [name for name in files.values() if name not in owner]:
        raise CompanionError(f"{where}: {missing[0]} has no annotation; the test files come without, take train or val")
    names = sorted(owner)
    labels = [kinds[owner[name]] for name in names]
    captions = tuple((f"a photo of a {label['name']}",) for label in labels)
    identity = {"dataset": "inaturalist", "sha256": sha256_file(annotations)}
    return Pairs(np.array(names), ListedImages(folder, names), captions, identity, _facts(labels, where))


def _by_id(entries: list, key: str, where: str, kind: Callable, whole: bool = False) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for entry in entries:
        number, value = field(entry, "id", int, where), field(entry, key, kind, where)  # type: ignore[arg-type]
        if number in found:
            raise CompanionError(f"{where}: id {number} appears twice; get the file again")
        found[number] = entry if whole else value
    return found


def _facts(labels: list[dict[str, Any]], where: str) -> Facts:
    columns: dict[str, int] = {}
    rows = []
    for label in labels:
        taxa = [f"{'kind' if rank == 'name' else rank}:{field(label, rank, str, where)}" for rank in RANKS]
        rows.append([columns.setdefault(taxon, len(columns)) for taxon in taxa])
    truth = np.zeros((len(rows), len(columns)), bool)
    truth[np.arange(len(rows))[:, None], rows] = True
    told = truth[:, None] & np.array([name.startswith("kind:") for name in columns])
    return Facts(tuple(columns), truth, told)
