"""Benchmarks of retrieval between pictures and captions: how an encoder's plain embeddings score on them, in percent.

A masker is scored on the same pairs by `lib.metrics.edited_retrieval`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.data.captions import each_caption, sentences
from lib.data.formats.folders import with_pictures
from lib.data.pairs import Pairs
from lib.data.sets.coco_captions import coco_texts, coco_val2017
from lib.data.sets.dci import read_dci
from lib.data.sets.docci import read_docci
from lib.data.sets.eccv_caption import SOURCES, positives
from lib.data.sets.imageinwords import iiw
from lib.data.sets.karpathy_splits import coco_karpathy
from lib.data.sets.rococo import FILES, Altered, rococo
from lib.data.sets.sugarcrepe import SUBSETS, sugarcrepe
from lib.encoders.clip import ClipEncoder
from lib.encoders.encoder import TextEncoder
from lib.encoders.store import embed
from lib.encoders.truncation import cut_off
from lib.metrics.hard_negatives import accuracy_table, preferred
from lib.metrics.precision_at_r import cosine_rows, positive_scores
from lib.metrics.retrieval import Ranks, retrieval
from lib.metrics.robustness import attack
from lib.metrics.rows import FLOAT32_TIE, blocks, count_copies

KS = (1, 5, 10)
CHUNK = 256


def score_coco(encoder: TextEncoder, photos: Path) -> pd.DataFrame:
    """Score Karpathy's 5,000 test images with 25,010 captions: R@k both ways, where any caption of an image is right.

    photos: COCO's folder, with `val2014` in it.
    """
    return score_pairs(encoder, with_pictures(coco_karpathy("test"), photos))


def score_val2017(encoder: TextEncoder, photos: Path) -> pd.DataFrame:
    """Score the 5,000 images of val2017 with 25,014 captions, which are not Karpathy's images.

    photos: COCO's folder, with `val2017` in it.
    """
    return score_pairs(encoder, with_pictures(coco_val2017(), photos / "val2017"))


def score_docci(encoder: TextEncoder, folder: Path) -> pd.DataFrame:
    """Score DOCCI's test images. folder: contains `docci_descriptions.jsonlines` and `images`."""
    pairs = read_docci(folder / "docci_descriptions.jsonlines")
    return score_descriptions(encoder, with_pictures(pairs, folder / "images"))


def score_dci(encoder: TextEncoder, folder: Path) -> pd.DataFrame:
    """Score DCI's images. folder: contains `annotations` and `photos`."""
    return score_descriptions(encoder, with_pictures(read_dci(folder / "annotations"), folder / "photos"))


def score_iiw(encoder: TextEncoder, folder: Path) -> pd.DataFrame:
    """Score the 612 images of ImageInWords. folder: contains `IIW-400`, `DOCCI_Test` and `DCI_Test` with JPEG files."""
    pairs = iiw()
    names = [name if name.endswith(".jpg") else f"{name}.jpg" for name in pairs.ids.tolist()]
    return score_descriptions(encoder, with_pictures(replace(pairs, ids=np.array(names)), folder))


def score_pairs(encoder: TextEncoder, pairs: Pairs) -> pd.DataFrame:
    """Score pairs of images or sounds with captions: one row per direction, with R@k, the number of candidates that are
    copies of others, and the number of captions that the model's context cuts off.

    A candidate that is tied with others counts by its share of their orders, so that copies do not count as misses.
    """
    (text, owner), image = _texts(pairs, encoder), _images(pairs, encoder)
    found = retrieval(image, text, owner, tie=FLOAT32_TIE)
    sort, cut = "sound" if pairs.images is None else "image", _cut(pairs, encoder)
    sides = ((f"{sort} to text", found.image_to_text, text), (f"text to {sort}", found.text_to_image, image))
    return pd.DataFrame(
        {
            "direction": direction,
            **{f"R@{k}": 100 * ranks.credited_recall(k) for k in KS},
            "copies": count_copies(candidates),
            "captions cut off": cut,
        }
        for direction, ranks, candidates in sides
    )


def score_descriptions(encoder: TextEncoder, pairs: Pairs) -> pd.DataFrame:
    """Score long descriptions under both protocols: the paragraph as one caption, and every sentence as one."""
    tables = []
    for captions, one in (("paragraphs", pairs), ("sentences", sentences(pairs))):
        table = score_pairs(encoder, one)
        table.insert(0, "captions", captions)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def score_eccv(encoder: TextEncoder, photos: Path) -> pd.DataFrame:
    """Score Karpathy's test images with all right captions that ECCV Caption and CxC found: R@1, R-Precision, mAP@R.

    photos: COCO's folder, with `val2014` and `annotations/captions_val2014.json`, which has the captions by number.
    """
    file = photos / "annotations" / "captions_val2014.json"
    right = {source: positives(source) for source in SOURCES}
    images, captions = right[SOURCES[0]].image_ids.tolist(), right[SOURCES[0]].caption_ids.tolist()
    texts = coco_texts(file)
    if absent := [one for one in captions if one not in texts]:
        raise CompanionError(f"{file}: no caption {absent[0]}; give COCO's own file of val2014")
    identity = {"dataset": "eccv-caption", "captions": sha256_file(file)}
    names = np.array([f"val2014/COCO_val2014_{one:012d}.jpg" for one in images])
    image = _images(with_pictures(Pairs(names, None, None, identity), photos), encoder)
    asked = Pairs(np.array(list(map(str, captions))), None, tuple((texts[one],) for one in captions), identity)
    text, _ = _texts(asked, encoder)
    rows = []
    for source, found in right.items():
        both = (
            ("image to text", image, text, found.image_to_text),
            ("text to image", text, image, found.text_to_image),
        )
        for direction, queries, candidates, matrix in both:
            scores = positive_scores(cosine_rows(queries, candidates, chunk=CHUNK), matrix)
            about = {"source": source, "direction": direction, "queries": len(scores.first)}
            means = {"R-Precision": scores.r_precision.mean(), "mAP@R": scores.map_at_r.mean()}
            rows.append(about | {"R@1": 100 * scores.recall(1)} | {name: 100 * mean for name, mean in means.items()})
    return pd.DataFrame(rows)


def score_rococo(encoder: TextEncoder, photos: Path) -> pd.DataFrame:
    """Score every file of RoCOCO, as published and with all captions in one plain style: R@k, false rate, drop rate.

    photos: COCO's folder, with `val2014` in it.
    """
    image = _images(with_pictures(coco_karpathy("test"), photos), encoder)
    rows = []
    for kind in FILES:
        for style, both in (("as published", rococo(kind)), ("plain", rococo(kind).plain())):
            rows.append({"file": kind, "style": style, **_attacked(both, image, encoder)})
    return pd.DataFrame(rows)


def score_sugarcrepe(encoder: TextEncoder, photos: Path) -> pd.DataFrame:
    """Score every subset of SugarCrepe: accuracy, and the mean of all. photos: COCO's folder, with `val2017` in it."""
    found = {}
    for subset in SUBSETS:
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


def _attacked(both: Altered, image: np.ndarray, encoder: TextEncoder) -> dict[str, float]:
    text, owner = _texts(both.originals, encoder)
    altered, _ = _texts(both.altered, encoder)
    rows = ((image[part] @ text.T, image[part] @ altered.T) for part in blocks(len(image), CHUNK))
    found = attack(rows, np.arange(len(image)), owner)
    rates = {"false rate": 100 * found.false_rate, "drop rate": 100 * found.drop_rate()}
    return {"clean R@1": 100 * found.clean.recall(1), **_recalls(found.attacked), **rates}


def _images(pairs: Pairs, encoder: TextEncoder) -> np.ndarray:
    return _float64(embed(pairs, encoder, towers=("image",)).unit().tower("image"))


def _texts(pairs: Pairs, encoder: TextEncoder) -> tuple[np.ndarray, np.ndarray]:
    each, owner = each_caption(pairs)
    return _float64(embed(each, encoder, towers=("text",)).unit().tower("text")), owner


def _float64(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows, np.float64)


def _recalls(ranks: Ranks) -> dict[str, float]:
    return {f"R@{k}": 100 * ranks.recall(k) for k in KS}


def _cut(pairs: Pairs, encoder: TextEncoder) -> int:
    """Count the captions that are longer than the model's context; 0 where the encoder does not say."""
    if not isinstance(encoder, ClipEncoder):
        return 0
    return int(cut_off(encoder, [text for texts in pairs.captions or () for text in texts]).sum())
