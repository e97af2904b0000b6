"""The published retrieval protocols: what of their files is here, and how an encoder scores on them.

The scores are those of plain embeddings. A masker is scored on the same pairs by `lib.metrics.edited_retrieval`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from lib.data.captions import each_caption, sentences
from lib.data.coco import coco_val2017
from lib.data.descriptions import iiw
from lib.data.errors import CompanionError
from lib.data.fetch import verify
from lib.data.folder import with_pictures
from lib.data.karpathy import coco_karpathy
from lib.data.manifest import load_manifest, nearest
from lib.data.pairs import Pairs
from lib.data.positives import SOURCES, positives
from lib.data.rococo import KINDS, Altered, rococo
from lib.data.sugarcrepe import SIZES, sugarcrepe
from lib.encoders.clip import ClipEncoder
from lib.encoders.encoder import Encoder
from lib.encoders.store import embed
from lib.encoders.truncation import cut_off
from lib.metrics.hard_negatives import accuracy_table, preferred
from lib.metrics.retrieval import Ranks, retrieval
from lib.metrics.robustness import attack
from lib.metrics.rows import blocks

KS = (1, 5, 10)
CHUNK = 256

Row = tuple[str, int, int, str]
"""What it is, images or items, captions, and a note."""


def counts() -> pd.DataFrame:
    """One row for each file or set that is on this machine, complete and unchanged; nothing is fetched."""
    rows: list[Row] = []
    for dataset, count in COUNTS.items():
        if all(state == "ok" for _, state in verify(dataset)):
            rows += count()
        else:
            way = (
                "run `python -m lib data fetch" if load_manifest().dataset(dataset).access == "public" else "see `data"
            )
            rows.append((dataset, 0, 0, f"not here; {way} {dataset}`"))
    return pd.DataFrame(rows, columns=["what", "images", "captions", "note"])


def _karpathy_counts() -> Iterator[Row]:
    yield "COCO, Karpathy's test", *_size(coco_karpathy("test")), "val2014; ten images have a sixth caption"


def _val2017_counts() -> Iterator[Row]:
    yield "COCO, val2017", *_size(coco_val2017()), "other images than Karpathy's test"


def _rococo_counts() -> Iterator[Row]:
    for kind in KINDS:
        both = rococo(kind)
        yield f"RoCOCO, {kind}", *_size(both.altered), f"altered; {both.unchanged()} equal to their original"


def _sugarcrepe_counts() -> Iterator[Row]:
    for subset in SIZES:
        items = sugarcrepe(subset)
        yield f"SugarCrepe, {subset}", len(set(items.images)), 2 * len(items), f"{len(items)} items of two captions"


def _positive_counts() -> Iterator[Row]:
    for source in SOURCES:
        found = positives(source)
        asked = [int((np.diff(way.indptr) > 0).sum()) for way in (found.image_to_text, found.text_to_image)]
        yield f"right pairs, {source}", asked[0], asked[1], f"{found.image_to_text.nnz} right captions"


def _iiw_counts() -> Iterator[Row]:
    yield "IIW, paragraphs", *_size(iiw()), "one an image"
    yield "IIW, sentences", *_size(sentences(iiw())), "the other protocol"


COUNTS: dict[str, Callable[[], Iterator[Row]]] = {
    "coco-karpathy": _karpathy_counts,
    "coco-val2017": _val2017_counts,
    "rococo": _rococo_counts,
    "sugarcrepe": _sugarcrepe_counts,
    "eccv-caption": _positive_counts,
    "imageinwords": _iiw_counts,
}


def _size(pairs: Pairs) -> tuple[int, int]:
    return len(pairs), sum(map(len, pairs.captions or ()))


def score(protocol: str, encoder: Encoder, photos: Path) -> pd.DataFrame:
    """Scores of an encoder on a protocol, in percent. photos: COCO's folder, with `val2014` or `val2017` in it."""
    if protocol not in PROTOCOLS:
        raise CompanionError(f"no protocol {protocol!r}; {nearest(protocol, PROTOCOLS)}")
    if encoder.encode_texts is None:
        raise CompanionError(f"{encoder.name} has no text tower; retrieval needs one")
    return PROTOCOLS[protocol](encoder, photos)


def score_coco(encoder: Encoder, photos: Path) -> pd.DataFrame:
    """Karpathy's 5,000 test images with 25,010 captions: R@k both ways, any of an image's captions being right."""
    pairs = coco_karpathy("test")
    text, owner = _texts(pairs, encoder)
    found = retrieval(_images(with_pictures(pairs, photos), encoder), text, owner)
    cut = _cut(pairs, encoder)
    return pd.DataFrame(
        [
            {"direction": "image to text", **_recalls(found.image_to_text), "captions cut off": cut},
            {"direction": "text to image", **_recalls(found.text_to_image), "captions cut off": cut},
        ]
    )


def score_rococo(encoder: Encoder, photos: Path) -> pd.DataFrame:
    """Every file of RoCOCO, as published and with all captions in one plain style: R@k, false rate and drop rate."""
    image = _images(with_pictures(coco_karpathy("test"), photos), encoder)
    rows = []
    for kind in KINDS:
        for style, both in (("as published", rococo(kind)), ("plain", rococo(kind).plain())):
            rows.append({"file": kind, "style": style, **_attacked(both, image, encoder)})
    return pd.DataFrame(rows)


def score_sugarcrepe(encoder: Encoder, photos: Path) -> pd.DataFrame:
    """Accuracy of every subset of SugarCrepe, and their mean."""
    found = {}
    for subset in SIZES:
        items = sugarcrepe(subset)
        names, place = np.unique([f"val2017/{name}" for name in items.images], return_inverse=True)
        pairs = with_pictures(Pairs(names, None, None, {**items.identity, "tower": "image"}), photos)
        both = Pairs(
            np.array([f"{subset}-{i}" for i in range(len(items))]),
            None,
            tuple(zip(items.captions, items.negatives, strict=True)),
            items.identity,
        )
        text = _texts(both, encoder)[0].reshape(len(items), 2, -1)
        scores = np.einsum("nd,ncd->nc", _images(pairs, encoder)[place], text)
        found[subset] = preferred(scores[:, 0], scores[:, 1])
    table = accuracy_table(found)
    return table.assign(accuracy=100 * table.accuracy)


PROTOCOLS: dict[str, Callable[[Encoder, Path], pd.DataFrame]] = {
    "coco-karpathy": score_coco,
    "rococo": score_rococo,
    "sugarcrepe": score_sugarcrepe,
}


def _attacked(both: Altered, image: np.ndarray, encoder: Encoder) -> dict[str, float]:
    text, owner = _texts(both.originals, encoder)
    altered, _ = _texts(both.altered, encoder)
    rows = ((image[part] @ text.T, image[part] @ altered.T) for part in blocks(len(image), CHUNK))
    found = attack(rows, np.arange(len(image)), owner)
    rates = {"false rate": 100 * found.false_rate, "drop rate": 100 * found.drop_rate()}
    return {"clean R@1": 100 * found.clean.recall(1), **_recalls(found.attacked), **rates}


def _images(pairs: Pairs, encoder: Encoder) -> np.ndarray:
    return _float64(embed(pairs, encoder, towers=("image",)).unit().tower("image"))


def _texts(pairs: Pairs, encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    each, owner = each_caption(pairs)
    return _float64(embed(each, encoder, towers=("text",)).unit().tower("text")), owner


def _float64(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows, np.float64)


def _recalls(ranks: Ranks) -> dict[str, float]:
    return {f"R@{k}": 100 * ranks.recall(k) for k in KS}


def _cut(pairs: Pairs, encoder: Encoder) -> int:
    """Captions that are longer than the model's context; 0 where the encoder does not tell."""
    if not isinstance(encoder, ClipEncoder):
        return 0
    return int(cut_off(encoder, [text for texts in pairs.captions or () for text in texts]).sum())
