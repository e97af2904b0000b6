"""Long descriptions of images: IIW, DOCCI and DCI, one paragraph an image.

Sources: ImageInWords (Garg et al., arXiv 2405.02793), DOCCI (Onoe et al., arXiv 2404.19753), DCI (Urbanek et al., arXiv
2312.08578). Retrieval papers use the paragraphs, of which a context of 77 tokens sees the first third, or take every
sentence as a caption of its image (FLAIR, arXiv 2412.03561): `lib.data.captions.sentences`. The two do not compare.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.data.errors import CompanionError
from lib.data.fetch import locate
from lib.data.pairs import Pairs
from lib.data.text_files import check_size, field, read_json, read_json_lines, sentence, text_pairs

IIW = {"IIW-400": 400, "DOCCI_Test": 100, "DCI_Test": 112}
"""The human-written descriptions that ImageInWords published: file and images."""


def iiw() -> Pairs:
    """All 612 images with a human description by IIW; ids are `<file>/<image>`."""
    parts = []
    for name, size in IIW.items():
        part = read_iiw(locate("imageinwords", f"text/imageinwords/{name}.jsonl"))
        parts.append(check_size(part, size, f"IIW's {name}"))
    ids = np.concatenate([[f"{name}/{one}" for one in part.ids] for name, part in zip(IIW, parts, strict=True)])
    captions = tuple(texts for part in parts for texts in part.captions or ())
    return Pairs(ids, None, captions, {"dataset": "iiw", "parts": [part.identity for part in parts]})


def read_iiw(path: Path, describer: str = "IIW") -> Pairs:
    """Images with one description each, from a JSON-lines file of ImageInWords.

    describer: whose description: "IIW" is the human one, "DOCCI" that of DOCCI's authors where the file has it.
    """
    entries = []
    for number, record in enumerate(read_json_lines(path), 1):
        where = f"{path.name}, line {number}"
        name = "image" if isinstance(record, dict) and "image" in record else "image/key"
        entries.append((sentence(record, name, where), (sentence(record, describer, where),)))
    return text_pairs("imageinwords", [path], entries, describer=describer)


def read_docci(path: Path, split: str = "test") -> Pairs:
    """The images of a split of `docci_descriptions.jsonlines`, one description each; ids are the file names."""
    records = read_json_lines(path)
    splits = sorted({sentence(record, "split", f"{path.name}, line {n}") for n, record in enumerate(records, 1)})
    if split not in splits:
        raise CompanionError(f"{path.name}: no image of split {split!r}; it has {', '.join(splits)}")
    chosen = ((n, record) for n, record in enumerate(records, 1) if record["split"] == split)
    fields = ("image_file", "description")
    entries = [tuple(sentence(record, name, f"{path.name}, line {n}") for name in fields) for n, record in chosen]
    return text_pairs("docci", [path], [(name, (text,)) for name, text in entries], split=split)


def read_dci(folder: Path) -> Pairs:
    """One description an image from DCI's folder of annotations: its short caption and what its writers added.

    The captions of the image's parts (`mask_data`) are not in it.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise CompanionError(f"{folder.name}: no annotations (*.json) in it; give DCI's folder `annotations`")
    entries = []
    for path in paths:
        record = read_json(path)
        added = field(record, "extra_caption", str, path.name)  # blank for some images
        text = f"{sentence(record, 'short_caption', path.name).strip()} {added.strip()}".strip()
        entries.append((sentence(record, "image", path.name), (text,)))
    return text_pairs("dci", paths, entries)


def words(pairs: Pairs) -> np.ndarray:
    """Words of every caption, (m,), in the order of `each_caption`."""
    return np.array([len(text.split()) for texts in pairs.captions or () for text in texts])
