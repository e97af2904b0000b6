"""DCI (Densely Captioned Images): one long description for each image. Source: Urbanek et al., arXiv 2312.08578."""

from __future__ import annotations

from pathlib import Path

from lib.base.errors import CompanionError
from lib.data.formats.text_files import field, read_json, text_field, text_pairs
from lib.data.pairs import Pairs


def read_dci(folder: Path) -> Pairs:
    """Read one description per image from DCI's folder of annotations: the short caption, then `extra_caption`.

    The captions of the parts of an image (`mask_data`) are left out.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise CompanionError(f"{folder.name}: no annotations (*.json) in it; give DCI's folder `annotations`")
    entries = []
    for path in paths:
        record = read_json(path)
        added = field(record, "extra_caption", str, path.name)  # blank for some images
        text = f"{text_field(record, 'short_caption', path.name).strip()} {added.strip()}".strip()
        entries.append((text_field(record, "image", path.name), (text,)))
    return text_pairs("dci", paths, entries)
