"""Read tensors from safetensors files, whatever state the file is in."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load
from torch import Tensor

from lib.base.errors import CompanionError


def read_tensors(path: Path, remedy: str) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file by name; if it is missing or broken, the error line ends with `remedy`."""
    try:
        return load(path.read_bytes())
    except Exception as error:  # SafetensorError, or another one for a type unknown to torch
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CompanionError(f"cannot read {path} ({reason}); {remedy}") from None
