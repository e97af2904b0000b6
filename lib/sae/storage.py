"""Trained dictionaries on disk: safetensors for the numbers, JSON for everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from safetensors.torch import save
from torch import Tensor

from lib.base.errors import CompanionError
from lib.base.files import write_atomic, write_json
from lib.encoders.tensors import read_tensors
from lib.sae.base import Dictionary
from lib.sae.config import sae_config
from lib.sae.recipes import build

D = TypeVar("D", bound=Dictionary)

SCHEMA = 1
WEIGHTS = "sae.safetensors"
CONFIG = "sae.json"


def save_sae(sae: Dictionary, folder: Path) -> None:
    """Write a dictionary for raw inputs into a folder, in float32.

    Examples
    --------
    >>> import tempfile
    >>> from lib.sae.config import SAEConfig
    >>> folder = Path(tempfile.mkdtemp())
    >>> save_sae(build(SAEConfig("topk", width=16, k=2), d=8), folder)
    >>> load_sae(folder).config
    SAEConfig(recipe='topk', width=16, k=2, l1=0.1, prefixes=())
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in sae.state_dict().items()}
    write_atomic(folder / WEIGHTS, save(weights))
    write_json(folder / CONFIG, {"schema": SCHEMA, "d": sae.d, "sae": asdict(sae.config)})


def load_sae(folder: Path) -> Dictionary:
    """Load the dictionary of a folder in evaluation mode; an error names a missing, truncated or misshapen part."""
    path = folder / WEIGHTS
    weights = read_tensors(path, "train or fetch the dictionary again")
    numbers = sum(tensor.numel() for tensor in weights.values())
    return filled(_empty(folder / CONFIG, numbers), weights, str(path))


def filled(sae: D, weights: Mapping[str, Tensor], source: str) -> D:
    """Put weights into an empty dictionary, in evaluation mode; an error names where the weights came from."""
    wanted = {name: tuple(tensor.shape) for name, tensor in sae.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if wanted != found:
        raise CompanionError(f"{source} has {found} where its config asks for {wanted}; take both from one dictionary")
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise CompanionError(f"{source} contains NaN or infinity; train or fetch the dictionary again")
    sae.load_state_dict(weights)
    return sae.eval()


def _empty(path: Path, numbers: int) -> Dictionary:
    """Make the dictionary that a config asks for, unless it has more than `numbers` numbers."""
    try:
        plain = json.loads(path.read_text())
        schema = plain["schema"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CompanionError(f"cannot read {path} ({error!r}); give a folder that `save_sae` wrote") from None
    if schema != SCHEMA:
        raise CompanionError(f"{path} has schema {schema}, this version reads {SCHEMA}; save the dictionary again")
    try:
        config, d = sae_config(plain["sae"]), plain["d"]
        if config.width * d > numbers:
            raise CompanionError(f"{path} asks for more than {WEIGHTS} contains; take both from one dictionary")
        return build(config, d)
    except (KeyError, TypeError, AttributeError) as error:
        raise CompanionError(f"{path} is incomplete ({error!r}); give a folder that `save_sae` wrote") from None
