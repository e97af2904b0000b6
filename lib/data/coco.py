"""COCO's own caption files, such as val2017: another 5,000 images than Karpathy's test split (`lib.data.karpathy`)."""

from __future__ import annotations

from pathlib import Path

from lib.data.errors import CompanionError
from lib.data.fetch import locate
from lib.data.pairs import Pairs
from lib.data.text_files import check_size, field, read_json, sentence, text_pairs

PATH = "text/coco/captions_val2017.json"


def coco_val2017() -> Pairs:
    """The 5,000 images of val2017 with their 25,014 captions, five to seven an image."""
    return check_size(read_coco(locate("coco-val2017", PATH)), 5000, "COCO val2017")


def read_coco(path: Path) -> Pairs:
    """Images and captions of `captions_*.json` (as in val2014, val2017); ids are the images' file names."""
    names, texts = _annotations(path)
    captions: dict[int, list[str]] = {image: [] for image in names}
    for image, text in texts.values():
        captions[image].append(text)
    return text_pairs("coco", [path], ((name, tuple(captions[image])) for image, name in names.items()))


def coco_texts(path: Path) -> dict[int, str]:
    """Text by annotation id, which is how ECCV Caption and CxC name captions (of `captions_val2014.json`)."""
    return {number: text for number, (_, text) in _annotations(path)[1].items()}


def _annotations(path: Path) -> tuple[dict[int, str], dict[int, tuple[int, str]]]:
    """File name by image id, and (image id, text) by annotation id."""
    value = read_json(path)
    if isinstance(value, list) or (isinstance(value, dict) and "dataset" in value):
        raise CompanionError(f"{path.name}: not COCO's own annotations; read a Karpathy split with lib.data.karpathy")
    names: dict[int, str] = {}
    for number, image in enumerate(field(value, "images", list, path.name)):
        where = f"{path.name}, image {number}"
        key = field(image, "id", int, where)
        if key in names:
            raise CompanionError(f"{where}: image id {key} appears twice; get the file again")
        names[key] = sentence(image, "file_name", where)
    texts: dict[int, tuple[int, str]] = {}
    for number, one in enumerate(field(value, "annotations", list, path.name)):
        where = f"{path.name}, annotation {number}"
        key, image = field(one, "id", int, where), field(one, "image_id", int, where)
        if key in texts or image not in names:
            wrong = f"annotation id {key} appears twice" if key in texts else f"image {image} is not in the file"
            raise CompanionError(f"{where}: {wrong}; get the file again")
        texts[key] = (image, sentence(one, "caption", where))
    return names, texts
