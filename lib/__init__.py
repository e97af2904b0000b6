"""The companion's library. Data flows data → encoders → sae → editing → metrics → report → run; so do imports."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Torch reads this once, when it first allocates memory. Large tensors then get huge pages, without which page faults
# take a tenth of a training step at d 512 and width 4096. The numbers are the same.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

# OpenMP reads this once, when torch is loaded. A thread that waits at the end of an operation then sleeps. By default
# it spins, and where other programs use the processors, too, it keeps the thread for which it waits from running:
# scoring dictionaries beside two other processes took four times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from lib.worlds.session import Session, start

__all__ = ["Session", "start"]


def __getattr__(name: str) -> Any:
    """Load `lib.start` and `lib.Session` on first use, so that `import lib` costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'lib' has no attribute {name!r}")
    from lib.worlds import session as module

    return getattr(module, name)
