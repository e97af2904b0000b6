"""Progress bars, shown only where somebody watches."""

from __future__ import annotations

import os
import sys
from typing import Any

from tqdm import tqdm


def progress(*args: Any, **kwargs: Any) -> tqdm:
    """Make a tqdm bar on stderr; it stays hidden outside a terminal or notebook, and under `COMPANION_QUIET`."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    watched = sys.stderr.isatty() or (kernel is not None and kernel.IPKernelApp.initialized())
    return tqdm(*args, disable=bool(os.environ.get("COMPANION_QUIET")) or not watched, **kwargs)
