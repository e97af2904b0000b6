"""DCI: what is read, and every error line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.data.sets.dci import read_dci
from tests.data.sets.published import put


def test_descriptions(tmp_path: Path) -> None:
    put(tmp_path, "dci/1.json", {"image": "sa_1.jpg", "short_caption": "A cat.", "extra_caption": " It sleeps. "})
    put(tmp_path, "dci/2.json", {"image": "sa_2.jpg", "short_caption": "A cow.", "extra_caption": ""})
    assert read_dci(tmp_path / "dci").captions == (("A cat. It sleeps.",), ("A cow.",))
    with pytest.raises(CompanionError, match="no annotations"):
        read_dci(tmp_path / "none")
