"""Tensors in safetensors files, whatever state the file is in."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load
from torch import Tensor

from lib.data.errors import CompanionError


def read_tensors(path: Path, mend: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name; `mend` ends the error line of one that is missing, cut or lies."""
    try:
        return load(path.read_bytes())
    except Exception as error:  # SafetensorError, and what a type that torch does not know makes its reader raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CompanionError(f"cannot read {path} ({reason}); {mend}") from None
