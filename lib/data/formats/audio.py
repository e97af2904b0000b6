"""Sounds: the type of one sound, and the reader of WAV files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from scipy.io import wavfile

from lib.base.errors import CompanionError


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound of one channel."""

    samples: np.ndarray = field(repr=False)
    """The samples, int16 (n,)."""
    rate: int
    """Samples per second."""

    def __post_init__(self) -> None:
        if self.samples.dtype != np.int16 or self.samples.ndim != 1:
            raise CompanionError(f"a sound of {self.samples.dtype} {self.samples.shape}; give int16 samples (n,)")
        if not len(self.samples) or self.rate < 1:
            raise CompanionError(f"a sound of {len(self.samples)} samples at {self.rate} per second; give at least one")

    @property
    def seconds(self) -> float:
        """The length of the sound in seconds."""
        return len(self.samples) / self.rate


def read_wav(source: BinaryIO | Path, name: str) -> Sound:
    """Read a WAV file as one channel of 16 bits: channels are averaged, and other depths are scaled.

    name: the name of the file in errors. Anything that cannot be decoded is a CompanionError.
    """
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
    """Scale samples of any kind to float64 from -1 to 1."""
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    if values.dtype == np.uint8:
        return (values.astype(np.float64) - 128) / 127
    return values.astype(np.float64) / float(np.iinfo(values.dtype).max)


@dataclass(frozen=True)
class SoundFiles(Sequence[Sound]):
    """The WAV files of a folder, each read when it is used; a slice is a view."""

    folder: Path
    """The folder of the files."""
    names: tuple[str, ...]
    """The paths of the files in the folder."""

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, item):
        if isinstance(item, slice):
            return SoundFiles(self.folder, self.names[item])
        return read_wav(self.folder / self.names[item], self.names[item])
