"""Sounds: the type that pairs of sounds and captions hold, and the reader of WAV files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from scipy.io import wavfile

from lib.data.errors import CompanionError


@dataclass(frozen=True, eq=False)
class Sound:
    """One channel of samples. samples: int16 (n,). rate: samples a second."""

    samples: np.ndarray = field(repr=False)
    rate: int

    def __post_init__(self) -> None:
        if self.samples.dtype != np.int16 or self.samples.ndim != 1:
            raise CompanionError(f"a sound of {self.samples.dtype} {self.samples.shape}; give int16 samples (n,)")
        if not len(self.samples) or self.rate < 1:
            raise CompanionError(f"a sound of {len(self.samples)} samples at {self.rate} a second; give at least one")

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


def read_wav(source: BinaryIO | Path, name: str) -> Sound:
    """The WAV file as one channel of 16 bits: channels are averaged, other depths scaled. `name` is what errors call
    it; anything that does not decode is a CompanionError."""
    try:
        rate, values = wavfile.read(source)
    except FileNotFoundError:
        raise CompanionError(f"{name}: no such sound; check the name") from None
    except Exception as error:  # foreign bytes make the decoder raise nearly anything: ValueError, struct.error, ...
        raise CompanionError(f"{name}: not a readable WAV file ({error}); convert it or remove it") from None
    if not values.size:
        raise CompanionError(f"{name}: a WAV file without samples; replace or remove it")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise CompanionError(f"{name}: samples of NaN or infinity; replace or remove it")
    mono = _full_scale(values).reshape(len(values), -1).mean(axis=1)
    return Sound(np.rint(mono * 32767).clip(-32767, 32767).astype(np.int16), int(rate))


def _full_scale(values: np.ndarray) -> np.ndarray:
    """float64, from -1 to 1."""
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    if values.dtype == np.uint8:
        return (values.astype(np.float64) - 128) / 127
    return values.astype(np.float64) / float(np.iinfo(values.dtype).max)


@dataclass(frozen=True)
class SoundFiles(Sequence[Sound]):
    """WAV files of a folder, read when asked for; a slice is a view. names: paths relative to the folder."""

    folder: Path
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, item):
        if isinstance(item, slice):
            return SoundFiles(self.folder, self.names[item])
        return read_wav(self.folder / self.names[item], self.names[item])
