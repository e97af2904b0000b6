"""Class embeddings against a loop over names and templates."""

from __future__ import annotations

import numpy as np
import pytest

from lib.base.errors import CompanionError
from lib.encoders.class_texts import class_texts, imagenet
from lib.encoders.clip import load_clip


def test_means_by_loops() -> None:
    encoder = load_clip("scenes-clip")
    names, templates = ["cat", "red hammer"], ["a {}", lambda name: f"a picture of a {name}"]
    found = class_texts(encoder, names, templates)
    for name, row in zip(names, found, strict=True):
        each = encoder.encode_texts([f"a {name}", f"a picture of a {name}"])
        mean = (each / np.linalg.norm(each, axis=1, keepdims=True)).mean(axis=0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-5)


def test_imagenet_as_open_clip_has_it() -> None:
    names, templates = imagenet()
    assert len(names) == 1000 and len(templates) == 80
    assert all("tench" in template("tench") for template in templates)


def test_errors() -> None:
    encoder = load_clip("scenes-clip")
    with pytest.raises(CompanionError, match="0 class names and 1 templates"):
        class_texts(encoder, [], ["a {}"])
    with pytest.raises(CompanionError, match="template 'a cat' needs one pair of braces"):
        class_texts(encoder, ["cat"], ["a cat"])
