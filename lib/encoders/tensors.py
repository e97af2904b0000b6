"""Tensors in safetensors files, whatever state the file is in."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load
from torch import Tensor

from lib.base.errors import CompanionError


def read_tensors(path: Path, remedy: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name; `remedy` ends the error line where the file is missing or broken."""
    try:
        return load(path.read_bytes())
    except Exception as error:  # SafetensorError, and what a type that torch does not know makes its reader raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CompanionError(f"cannot read {path} ({reason}); {remedy}") from None
