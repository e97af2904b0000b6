"""The one tensor of a `.pt` file of unknown origin: nothing in it is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lib.base.errors import CompanionError


def read_tensor(path: Path) -> np.ndarray:
    """Read a file that holds one plain tensor, and nothing else, as an array; any other content is an error.

    PyTorch's own reader builds tensors only (`weights_only=True`); a container of tensors is also refused.
    """
    import torch  # takes seconds to import

    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # foreign files make the reader raise nearly anything
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise CompanionError(f"{path.name}: not a readable tensor ({reason}); get it again") from None
    if type(found) is not torch.Tensor or found.layout is not torch.strided:
        raise CompanionError(f"{path.name}: holds a {type(found).__name__} instead of one tensor; get the right file")
    return found.detach().numpy()
