"""Sound and text towers of any `transformers.ClapModel` behind one interface: the shipped `sounds-clap`, LAION's CLAP.

LAION's models (Wu et al., ICASSP 2023) are loaded as `hf-hub:laion/clap-htsat-unfused`. Only safetensors are read.
This module guards against two traps that users of these models report: it refuses a checkpoint whose text tower gives
every text the same embedding, and it cuts sounds at fixed places, not at random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.data.formats.audio import Sound
from lib.encoders.encoder import check_device, full_precision
from lib.encoders.log_mel import cut, log_mel
from lib.encoders.shim import ensure_torchvision
from lib.encoders.transformers_folder import check_folder, find_folder, load_weights, read_config

ensure_torchvision()
from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel, PreTrainedTokenizerBase  # noqa: E402

FILES = ("*.json", "model.safetensors", "merges.txt")
"""Files taken from a repository of the hub: configs, token tables and safetensors."""

PROBES = ("a flute", "a loud alarm", "an organ over hiss", "a low gong going up")
"""Texts that a text tower must distinguish; their words are everyday words of the sounds world."""

COLLAPSED = 0.9
"""Mean cosine of the probes from which a text tower counts as collapsed. `laion/larger_clap_music` has 0.9993 on texts
in general, and its siblings have 0.18 to 0.29 (embeddings-benchmark/mteb issue 5069).
"""


@dataclass(frozen=True, eq=False)
class ClapEncoder:
    """A ClapModel in eval mode and float32.

    name: as the user gave it, without folders. dim: width of the joint space. identity: sha256 of its files, windows;
    no paths. windows: equal windows of the length that the model reads; the embedding of a sound is their mean.
    """

    name: str
    dim: int
    identity: dict[str, Any] = field(repr=False)
    model: ClapModel = field(repr=False)
    extractor: ClapFeatureExtractor = field(repr=False)
    tokenizer: PreTrainedTokenizerBase = field(repr=False)
    windows: int = 1
    device: str = "cpu"

    @property
    def preprocess(self) -> Callable[[Sound], torch.Tensor]:
        """Return a method that turns a sound into its windows: int16 (windows, samples) at the model's rate."""
        return self._windows_of

    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        """Encode the stacked windows of n sounds to float32 (n, dim), not normalised: the mean over each sound's unit
        vectors.

        The store chose the name: "pixels" are whatever `preprocess` makes.
        """
        with torch.inference_mode(), full_precision():
            mels = log_mel(pixels.flatten(0, 1).to(self.device), self.extractor)
            vectors = self.model.get_audio_features(input_features=mels).pooler_output
            return vectors.float().unflatten(0, pixels.shape[:2]).mean(dim=1).cpu().numpy()

    def encode_sounds(self, sounds: list[Sound]) -> np.ndarray:
        """Encode n sounds in one batch to float32 (n, dim), not normalised."""
        if not sounds:
            raise CompanionError(f"{self.name}: no sounds to encode; give at least one")
        for sound in sounds:
            if not isinstance(sound, Sound):
                raise CompanionError(
                    f"{self.name}: a sound is a {type(sound).__name__}; give those of lib.data.formats.audio"
                )
        return self.encode_pixels(torch.stack([self.preprocess(sound) for sound in sounds]))

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        """Encode n texts in one batch to float32 (n, dim) of unit norm; texts longer than the context are cut."""
        if not texts:
            raise CompanionError(f"{self.name}: no texts to encode; give at least one")
        for text in texts:
            if not isinstance(text, str):
                raise CompanionError(f"{self.name}: a text is a {type(text).__name__}; give strings")
        longest = min(self.tokenizer.model_max_length, self.model.text_model.config.max_position_embeddings - 2)
        names = {"return_tensors": "pt", "return_token_type_ids": False, "max_length": longest}
        tokens = self.tokenizer(list(texts), padding=True, truncation=True, **names).to(self.device)
        with torch.inference_mode():
            return self.model.get_text_features(**tokens).pooler_output.float().cpu().numpy()

    def _windows_of(self, sound: Sound) -> torch.Tensor:
        return torch.from_numpy(cut(sound, self.extractor, self.windows))


def load_clap(name: str | Path, *, revision: str | None = None, windows: int = 1, device: str = "cpu") -> ClapEncoder:
    """Load a CLAP for inference in float32, whatever precision its file has.

    name: a shipped model (`sounds-clap`), a local folder, or `hf-hub:org/repo`. revision: a commit or tag of the hub
    repository; pin it. windows: how many to cut from each sound; paper 3's clips of 30 s and LAION's window of 10 s
    make 3. Raises CompanionError for an unknown name, unusable files or a collapsed text tower, and NotAvailable if the
    hub cannot be reached or the device does not exist.
    """
    check_device(device)
    if windows < 1:
        raise CompanionError(f"windows={windows}; cut at least one from each sound")
    folder = find_folder(str(name), ("CLAP",), FILES, revision)
    _check(folder)
    try:
        extractor = ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = load_weights(ClapModel, folder, torch.float32)
    except CompanionError:
        raise
    except Exception as error:  # torch, tokenizers and transformers each raise their own kinds
        raise CompanionError(f"{folder}: its files do not make a CLAP ({str(error)[:300]})") from None
    is_hub = str(name).startswith("hf-hub:")
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
    encoder = ClapEncoder(
        name=str(name).removeprefix("hf-hub:") if is_hub else folder.name,
        dim=model.config.projection_dim,
        identity={"encoder": "clap", "sha256": {path.name: sha256_file(path) for path in files}, "windows": windows},
        model=model.to(device).eval(),  # type: ignore[arg-type]
        extractor=extractor,
        tokenizer=tokenizer,
        windows=windows,
        device=device,
    )
    return _refuse_collapsed(encoder)


def _refuse_collapsed(encoder: ClapEncoder) -> ClapEncoder:
    vectors = encoder.encode_texts(list(PROBES)).astype(np.float64)
    cosine = float(np.mean([a @ b for a, b in combinations(vectors, 2)]))
    if not cosine < COLLAPSED:
        raise CompanionError(
            f"{encoder.name}: its text tower has collapsed (unlike texts have a mean cosine of {cosine:.4f}); "
            "take another checkpoint, such as laion/clap-htsat-unfused"
        )
    return encoder


def _check(folder: Path) -> None:
    check_folder(folder, ("CLAP",))
    if read_config(folder).get("audio_config", {}).get("enable_fusion"):
        raise CompanionError(f"{folder}: a fused CLAP looks at random parts of a sound; take an unfused one")
