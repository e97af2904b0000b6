"""Progress bars where somebody watches."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


def progress(*args: Any, **kwargs: Any) -> tqdm:
    """A tqdm bar on stderr in a terminal or a running notebook, and none in a log file."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    watched = sys.stderr.isatty() or (kernel is not None and kernel.IPKernelApp.initialized())
    return tqdm(*args, disable=not watched, **kwargs)
