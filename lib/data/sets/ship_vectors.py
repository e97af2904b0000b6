"""Write the embeddings that the repository ships, from the published files whose licence allows it.

`python -m lib.data.sets.ship_vectors` fetches the files of the manifest, or takes them from COMPANION_DATA, and writes
`vectors.safetensors` of each folder in `lib/data/vectors`. Every number is exactly the published one: all three sets
were computed in half precision.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import typer

from lib.base.errors import CompanionError
from lib.data.formats.arrays import read_npy
from lib.data.formats.fetch import locate
from lib.data.formats.vector_files import write_exact_halves
from lib.data.sets.shipped_vectors import FOLDER

_LABELS = "clip-arrays/labels-vitb32"
_STUFF = "clip-vectors/cocostuff171-vitb16"


def ship_coco500(folder: Path) -> None:
    """Write both towers of the 500 COCO pairs."""
    image, text = read_towers(locate("clip-arrays", "clip-arrays/coco500-vitb16/features_clip.npy"), (2, 500, 512))
    write_exact_halves({"image": image, "text": text}, {}, folder / "coco500-vitb16" / "vectors.safetensors")


def ship_labels(folder: Path) -> None:
    """Write the vectors and names of LVIS and Objects365; those of OpenImages and COCO come without names."""
    lvis = json.loads(locate("labels-vitb32", f"{_LABELS}/lvis_v1_train_cat_info.json").read_text())
    names = {"lvis": [one["name"].replace("_", " ") for one in sorted(lvis, key=lambda one: one["id"])]}
    with open(locate("labels-vitb32", f"{_LABELS}/Objects365_names_fix.csv"), newline="") as stream:
        names["objects365"] = [row[-1].strip().lower() for row in csv.reader(stream)]
    files = {"lvis": "lvis_v1_clip_a+cname.npy", "objects365": "o365_clip_a+cnamefix.npy"}
    tensors = {part: read_npy(locate("labels-vitb32", f"{_LABELS}/{file}")) for part, file in files.items()}
    write_named(tensors, names, folder / "labels-vitb32" / "vectors.safetensors")


def ship_cocostuff(folder: Path) -> None:
    """Write the vectors of COCO-Stuff's names by many templates."""
    names = json.loads(locate("cocostuff171-vitb16", f"{_STUFF}/classnames.json").read_text())
    vectors = read_npy(locate("cocostuff171-vitb16", f"{_STUFF}/text_multi.npy"))
    path = folder / "cocostuff171-vitb16" / "vectors.safetensors"
    write_named({"many templates": vectors}, {"names": names}, path)


def write_named(tensors: dict[str, np.ndarray], names: dict[str, list[str]], path: Path) -> None:
    """Write tensors with one list of names each, in the same order, one name a line in the notes."""
    for (part, tensor), (key, listed) in zip(tensors.items(), names.items(), strict=True):
        if len(tensor) != len(listed) or any("\n" in name for name in listed):
            raise CompanionError(f"{part}: {len(listed)} names ({key}) for {len(tensor)} vectors; get the files again")
    write_exact_halves(tensors, {key: "\n".join(listed) for key, listed in names.items()}, path)


def read_towers(path: Path, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Read the image and text halves of a `.npy` file of float32 unit vectors; any other content is an error."""
    array = read_npy(path)
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != np.float32:
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise CompanionError(f"{path.name}: expected float32 {shape}, found {found}; get the right file")
    norms = np.linalg.norm(array.astype(np.float64), axis=-1)
    wrong = ~(np.abs(norms - 1) < 1e-2)  # also true of NaN
    if wrong.any():
        tower, row = np.argwhere(wrong)[0]
        raise CompanionError(
            f"{path.name}: row {row} of tower {tower} has norm {norms[tower, row]:.3g} instead of 1; get the right file"
        )
    return array[0], array[1]


def main(folder: Path = FOLDER) -> None:
    """Write all three files."""
    for ship in (ship_coco500, ship_labels, ship_cocostuff):
        ship(folder)


if __name__ == "__main__":
    typer.run(main)
