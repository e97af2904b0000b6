"""The companion's library. Data flows data → encoders → sae → editing → metrics → report → run, and imports with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lib.run.start import Session, start

__all__ = ["Session", "start"]


def __getattr__(name: str) -> Any:
    """`lib.start` and `lib.Session`, loaded when asked for, so that `import lib` costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'lib' has no attribute {name!r}")
    from lib.run import start as module

    return getattr(module, name)
