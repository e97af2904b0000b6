"""Small files in the published forms, for the tests of their readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def put(folder: Path, name: str, value: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def blip(*names: str) -> list[dict[str, Any]]:
    return [{"image": f"val2014/{name}.jpg", "caption": [f"A {name}.", f"one {name} more"]} for name in names]


def own_form(dataset: str = "coco") -> dict[str, Any]:
    def image(name: str, split: str) -> dict[str, Any]:
        texts = [{"tokens": ["a"], "raw": f"A {name}.", "imgid": 0, "sentid": 0}]
        return {"filepath": "val2014", "filename": f"{name}.jpg", "imgid": 0, "split": split, "sentences": texts}

    return {"dataset": dataset, "images": [image("cat", "test"), image("dog", "train"), image("cow", "test")]}


COCO = {
    "images": [{"id": 7, "file_name": "7.jpg"}, {"id": 9, "file_name": "9.jpg"}],
    "annotations": [
        {"image_id": 9, "id": 1, "caption": "A cow."},
        {"image_id": 7, "id": 2, "caption": "A cat."},
        {"image_id": 9, "id": 3, "caption": "A brown cow."},
    ],
}
