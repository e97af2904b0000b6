"""COCO's own caption files, such as that of val2017.

The 5,000 images of val2017 are not those of Karpathy's test split (`lib.data.sets.karpathy_splits`).
"""

from __future__ import annotations

from pathlib import Path

from lib.base.errors import CompanionError
from lib.data.formats.fetch import locate
from lib.data.formats.text_files import check_size, field, read_json, text_field, text_pairs
from lib.data.pairs import Pairs

_PATH = "text/coco/captions_val2017.json"


def coco_val2017() -> Pairs:
    """Read the 5,000 images of val2017 with their 25,014 captions, five to seven per image."""
    return check_size(read_coco(locate("coco-val2017", _PATH)), 5000, "COCO val2017")


def read_coco(path: Path) -> Pairs:
    """Read the images and captions of a file `captions_*.json`; the ids are the file names of the images."""
    names, texts = _annotations(path)
    captions: dict[int, list[str]] = {image: [] for image in names}
    for image, text in texts.values():
        captions[image].append(text)
    return text_pairs("coco", [path], ((name, tuple(captions[image])) for image, name in names.items()))


def coco_texts(path: Path) -> dict[int, str]:
    """Read the captions by annotation id, by which ECCV Caption and CxC know those of `captions_val2014.json`."""
    return {number: text for number, (_, text) in _annotations(path)[1].items()}


def read_objects(path: Path) -> dict[str, tuple[str, ...]]:
    """Read the categories of the objects in each image, by the images' file names, from `instances_*.json`."""
    value = read_json(path)
    names, kinds = dict[int, str](), dict[int, str]()
    for part, key, found in (("images", "file_name", names), ("categories", "name", kinds)):
        for number, one in enumerate(field(value, part, list, path.name)):
            where = f"{path.name}, {part} {number}"
            found[field(one, "id", int, where)] = text_field(one, key, where)
    objects: dict[str, dict[str, None]] = {name: {} for name in names.values()}
    for number, one in enumerate(field(value, "annotations", list, path.name)):
        where = f"{path.name}, annotation {number}"
        image, kind = (field(one, key, int, where) for key in ("image_id", "category_id"))
        if image not in names or kind not in kinds:
            raise CompanionError(f"{where}: image {image} or category {kind} is not in the file; get the file again")
        objects[names[image]][kinds[kind]] = None
    return {name: tuple(found) for name, found in objects.items()}


def _annotations(path: Path) -> tuple[dict[int, str], dict[int, tuple[int, str]]]:
    """Read the file name of each image id, and the image id and text of each annotation id."""
    value = read_json(path)
    if isinstance(value, list) or (isinstance(value, dict) and "dataset" in value):
        raise CompanionError(
            f"{path.name}: not COCO's own annotations; read a Karpathy split with lib.data.sets.karpathy_splits"
        )
    names: dict[int, str] = {}
    for number, image in enumerate(field(value, "images", list, path.name)):
        where = f"{path.name}, image {number}"
        key = field(image, "id", int, where)
        if key in names:
            raise CompanionError(f"{where}: image id {key} appears twice; get the file again")
        names[key] = text_field(image, "file_name", where)
    texts: dict[int, tuple[int, str]] = {}
    for number, one in enumerate(field(value, "annotations", list, path.name)):
        where = f"{path.name}, annotation {number}"
        key, image = field(one, "id", int, where), field(one, "image_id", int, where)
        if key in texts or image not in names:
            wrong = f"annotation id {key} appears twice" if key in texts else f"image {image} is not in the file"
            raise CompanionError(f"{where}: {wrong}; get the file again")
        texts[key] = (image, text_field(one, "caption", where))
    return names, texts
