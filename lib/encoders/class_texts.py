"""Text embeddings of classes: the average over templates of every name in every template, as CLIP classifies.

Radford et al., ICML 2021 (arXiv 2103.00020), section 3.1.4. The names and the 80 templates of ImageNet are those that
open_clip ships.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lib.base.errors import CompanionError
from lib.base.vectors import normalise_rows
from lib.encoders.clip import import_open_clip
from lib.encoders.encoder import TextEncoder
from lib.encoders.shim import ensure_torchvision

Template = str | Callable[[str], str]
"""A text with one pair of braces for the name, or a function of the name."""

BATCH = 256


def class_texts(encoder: TextEncoder, names: Sequence[str], templates: Sequence[Template]) -> np.ndarray:
    """Embed class names: float32 (classes, d) of unit norm, the scaled mean over templates of unit text embeddings."""
    if not names or not templates:
        raise CompanionError(f"{len(names)} class names and {len(templates)} templates; give at least one of each")
    for template in templates:
        if isinstance(template, str) and template.count("{}") != 1:
            raise CompanionError(f"template {template!r} needs one pair of braces for the name of the class")
    texts = [_filled(template, name) for name in names for template in templates]
    rows = np.concatenate([encoder.encode_texts(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)])
    unit = rows.astype(np.float64) / np.linalg.norm(rows, axis=1, keepdims=True)
    mean = unit.reshape(len(names), len(templates), -1).mean(axis=1)
    return normalise_rows("means over templates", mean).astype(np.float32)


def imagenet() -> tuple[tuple[str, ...], tuple[Template, ...]]:
    """Return the 1,000 names and 80 templates of ImageNet as open_clip has them."""
    open_clip = import_open_clip()
    return tuple(open_clip.IMAGENET_CLASSNAMES), tuple(open_clip.OPENAI_IMAGENET_TEMPLATES)


def wordnet_names(wnids: Sequence[str]) -> tuple[str, ...]:
    """Return the first name of each WordNet id of ImageNet, as timm ships them."""
    ensure_torchvision()
    from timm.data import ImageNetInfo

    known = ImageNetInfo("imagenet-22k")
    return tuple(known.label_name_to_description(wnid).split(",")[0] for wnid in wnids)


def _filled(template: Template, name: str) -> str:
    return template.format(name) if isinstance(template, str) else template(name)
