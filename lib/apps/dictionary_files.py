"""Convert foreign dictionaries to the companion's format, and the companion's to that of SAELens."""

from __future__ import annotations

from pathlib import Path

from lib.apps.given import check_dictionary
from lib.base.errors import CompanionError
from lib.sae.base import Dictionary
from lib.sae.formats import published_vl_sae, saelens
from lib.sae.formats.published import read_published
from lib.sae.formats.published_vl_sae import from_vl_sae
from lib.sae.formats.sae_for_vlm import from_sae_for_vlm
from lib.sae.formats.saelens import load_saelens, save_saelens
from lib.sae.storage import CONFIG, WEIGHTS, load_sae, save_sae

WITHOUT_K = ("relu", "jumprelu")
"""Recipes whose number of active latents is not set but results from training; foreign files do not state it."""


def import_dictionary(source: Path, folder: Path, sha256: str | None = None) -> str:
    """Read a foreign dictionary, write it into a folder as `lib.sae.storage` does, and report both in one line.

    source: a folder that SAELens 6 wrote, or a checkpoint file of sae-for-vlm or VL-SAE. sha256: hash of the file, as
    `read_published` needs it; a folder of safetensors needs none. Raises CompanionError for everything else, and for a
    folder that already contains a dictionary.
    """
    _refuse_to_overwrite(folder, WEIGHTS)
    sae, kind = _read(source, sha256)
    save_sae(sae, folder)
    return f"read {_described(sae)} from {source} ({kind}); wrote {folder / WEIGHTS} and {CONFIG}"


def export_dictionary(folder: Path, target: Path) -> str:
    """Write the dictionary of a folder into another one as SAELens 6 does, and report both in one line.

    folder: contains sae.safetensors and sae.json, from `import_dictionary` or from a training. Raises CompanionError
    for a dictionary that is not a one-tower one, and for a target that already contains a dictionary.
    """
    _refuse_to_overwrite(target, saelens.WEIGHTS)
    sae = load_sae(folder)
    save_saelens(sae, target)
    kind = saelens.ARCHITECTURES[sae.config.recipe]
    return f"read {_described(sae)} from {folder}; wrote {target / saelens.WEIGHTS} and {saelens.CONFIG} as {kind}"


def _read(source: Path, sha256: str | None) -> tuple[Dictionary, str]:
    """Read a foreign dictionary, and name its format."""
    check_dictionary(source, sha256)
    if sha256 is None or source.is_dir():
        return load_saelens(source), "SAELens"
    tensors = read_published(source, sha256)
    if set(tensors) == published_vl_sae.KEYS:
        return from_vl_sae(tensors, str(source)), "VL-SAE"
    return from_sae_for_vlm(tensors, str(source)), "sae-for-vlm"


def _described(sae: Dictionary) -> str:
    """Describe recipe, width, d and k."""
    k = "" if sae.config.recipe in WITHOUT_K else f", k {sae.config.k}"
    return f"{sae.config.recipe}, width {sae.width}, d {sae.d}{k},"


def _refuse_to_overwrite(folder: Path, weights: str) -> None:
    if (folder / weights).exists():
        raise CompanionError(f"{folder / weights} exists already; name another folder")
