"""Arrays in `.npy` files of unknown origin: numbers are read, nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lib.data.errors import CompanionError


def read_npy(path: Path, mend: str = "get it again") -> Any:
    """What a `.npy` file holds: an array, or something else that the caller refuses; `mend` ends the error line.

    A header that promises more than memory holds, or that is no header at all, is an error like any other.
    """
    try:
        return np.load(path, allow_pickle=False)
    except Exception as error:  # foreign headers make numpy raise nearly anything: TokenError, TypeError, MemoryError
        reason = str(error)[:200] or type(error).__name__
        raise CompanionError(f"{path.name}: not a readable .npy file ({reason}); {mend}") from None
