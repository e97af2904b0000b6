"""Which worlds have captions with a dial."""

from __future__ import annotations

import pytest

from lib.base.errors import NotAvailable
from lib.worlds.caption_factors import scenes_world


def test_other_worlds_have_no_dial() -> None:
    with pytest.raises(NotAvailable, match=r"world none has no caption dial; use profile scenes"):
        scenes_world(Named("none"))  # type: ignore[arg-type]


class Named:
    """A session whose world only has a name."""

    def __init__(self, name: str) -> None:
        self.name, self.world = name, self
