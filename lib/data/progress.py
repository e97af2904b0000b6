"""Progress bars where somebody watches."""

from __future__ import annotations

import os
import sys
from typing import Any

from tqdm import tqdm


def progress(*args: Any, **kwargs: Any) -> tqdm:
    """A tqdm bar on stderr in a terminal or a running notebook; none in a log file or under `COMPANION_QUIET`."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    watched = sys.stderr.isatty() or (kernel is not None and kernel.IPKernelApp.initialized())
    return tqdm(*args, disable=bool(os.environ.get("COMPANION_QUIET")) or not watched, **kwargs)
