"""Files of vectors that the repository ships: safetensors of half precision, with notes as plain texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import writable


def read_vector_file(path: Path, remedy: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read all tensors of a file as float32, and its notes.

    remedy: how to make the file; the end of the NotAvailable that its absence raises.
    """
    if not path.is_file():
        raise NotAvailable(f"the vectors {path.name} of {path.parent.name} are not here; {remedy}")
    try:
        with safe_open(path, "np") as stored:
            tensors = {name: stored.get_tensor(name).astype(np.float32) for name in stored.keys()}  # noqa: SIM118
            return tensors, stored.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise CompanionError(f"{path.name}: cannot be read ({error}); restore it from the repository") from None


def write_exact_halves(tensors: dict[str, np.ndarray], notes: dict[str, str], path: Path) -> None:
    """Write float16 tensors and notes, where float16 holds every number exactly; another number is an error."""
    halves = {name: np.ascontiguousarray(tensor.astype(np.float16)) for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        if (halves[name].astype(tensor.dtype) != tensor).any():
            raise CompanionError(f"{path.name}: float16 does not hold {name} exactly; give the published array")
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(halves, path, notes)
