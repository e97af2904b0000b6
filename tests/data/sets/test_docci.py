"""DOCCI: what is read, and every error line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.data.sets.docci import read_docci
from tests.data.sets.published import lines, put


def test_descriptions(tmp_path: Path) -> None:
    docci = {"example_id": "test_0", "split": "test", "image_file": "test_0.jpg", "description": "Long."}
    other = {**docci, "split": "train", "image_file": "train_0.jpg"}
    path = put(tmp_path, "docci_descriptions.jsonlines", lines(other, docci))
    pairs = read_docci(path)
    assert pairs.ids.tolist() == ["test_0.jpg"] and pairs.captions == (("Long.",),)
    with pytest.raises(CompanionError, match="no image of split 'qual'; it has test, train"):
        read_docci(path, "qual")
