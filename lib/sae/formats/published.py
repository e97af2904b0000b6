"""Checkpoints that others published in torch's format, read without running anything that may be in them."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from lib.base.errors import CompanionError
from lib.base.files import sha256_file


def read_published(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read the tensors of a published state dict, by name.

    sha256: the hash that the checkpoint's page states, in hex digits: all 64, or as many as are known, at least 8. It
    must not be computed from the file itself. The file is opened only if it has this hash, and then by
    `torch.load(weights_only=True)`, which builds tensors and nothing else. Raises CompanionError for a file that is
    missing, has another hash, or holds anything but tensors.
    """
    if not re.fullmatch("[0-9a-f]{8,64}", sha256.lower()):
        raise CompanionError(f"sha256 {sha256!r} is not a hash; give 8 to 64 hex digits, from the checkpoint's page")
    if not path.is_file():
        raise CompanionError(f"no checkpoint {path}; fetch it first")
    found = sha256_file(path)
    if not found.startswith(sha256.lower()):
        raise CompanionError(f"{path} has sha256 {found}, not {sha256}; it was not opened, get the file again")
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zipfile and torch each raise their own kinds
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise CompanionError(f"{path} is not a checkpoint of plain tensors ({reason}); get the file again") from None
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise CompanionError(f"{path} is not a state dict of tensors; give the published file")
    return tensors
