"""Zero-shot classification of labelled pictures and sounds by the names of their classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from lib.base.errors import CompanionError
from lib.data.formats.folders import class_folders
from lib.data.formats.parquet import labelled_parquet
from lib.data.formats.text_files import read_lines
from lib.data.formats.webdataset import TEMPLATES, zero_shot_shards
from lib.data.labelled import LabelledPairs
from lib.encoders.class_texts import Template, class_texts, imagenet
from lib.encoders.encoder import TextEncoder
from lib.encoders.store import embed
from lib.metrics.intervals import wilson
from lib.metrics.zero_shot import zero_shot

CLASSES = "classnames.txt"
SYNSETS = "LOC_synset_mapping.txt"


def score_zero_shot(encoder: TextEncoder, folder: Path) -> pd.DataFrame:
    """Score a folder of labelled pictures, in one of the three layouts of `read_labelled`."""
    return score_labelled(encoder, read_labelled(folder), imagenet()[1])


def read_labelled(folder: Path) -> LabelledPairs:
    """Read labelled pictures in the layout that a folder has.

    CLIP_benchmark's: `test/*.tar`, `classnames.txt` and `zeroshot_classification_templates.txt`. Parquet files with the
    columns image and label, and `classnames.txt` in the order of the labels. Otherwise one subfolder per class, and
    `LOC_synset_mapping.txt` where folders do not have the names of their classes.
    """
    if (folder / TEMPLATES).is_file():
        return zero_shot_shards(folder)
    if any(folder.glob("*.parquet")):
        return labelled_parquet(folder, read_lines(folder / CLASSES))
    return class_folders(folder, folder / SYNSETS if (folder / SYNSETS).is_file() else None)


def score_labelled(encoder: TextEncoder, labelled: LabelledPairs, templates: tuple[Template, ...]) -> pd.DataFrame:
    """Score labelled pairs in one row: accuracy with its 95 % interval (Wilson), and the mean over classes.

    templates: prompts for sets that have none. Ties are misses (`lib.metrics.zero_shot`).
    """
    if len(set(labelled.labels.tolist())) < 2:
        raise CompanionError("all pictures are of one class; classification needs at least two")
    prompts = labelled.templates or templates
    images = embed(labelled.pairs, encoder, towers=("image",)).unit().tower("image")
    found = zero_shot(images, class_texts(encoder, labelled.classes, prompts), labelled.labels)
    sure = wilson(int(found.hits.sum()), len(found.hits))
    row: dict[str, float] = {"n": len(found.hits), "classes": found.classes, "templates": len(prompts)}
    row |= {"accuracy": 100 * sure.estimate, "low": 100 * sure.low, "high": 100 * sure.high}
    return pd.DataFrame([row | {"mean per class": 100 * float(np.nanmean(found.by_class))}])
