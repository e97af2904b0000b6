"""The companion's library. Data flows data → encoders → sae → editing → metrics → report → run, and imports with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Torch reads this once, when it first takes memory: large tensors then come in huge pages, without which a tenth of a
# training step at d 512 and width 4096 goes into page faults. Numbers are the same.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

if TYPE_CHECKING:
    from lib.worlds.session import Session, start

__all__ = ["Session", "start"]


def __getattr__(name: str) -> Any:
    """`lib.start` and `lib.Session`, loaded when asked for, so that `import lib` costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'lib' has no attribute {name!r}")
    from lib.worlds import session as module

    return getattr(module, name)
