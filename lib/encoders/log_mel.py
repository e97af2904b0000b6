"""The log-mel spectrograms of CLAP, computed for a batch in one call.

`transformers.ClapFeatureExtractor` computes the same sound by sound, in Python loops. This module reads its settings
from it, and a test compares the two.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.signal import resample_poly
from transformers import ClapFeatureExtractor

from lib.data.formats.audio import Sound


def cut(sound: Sound, extractor: ClapFeatureExtractor, windows: int) -> np.ndarray:
    """Cut equal windows at fixed places, of the length that the model reads and at its rate: int16 (windows, samples).

    They are spread evenly from the start to the end of a longer sound; a single one is taken from the middle. The
    extractor class itself cuts at random, so two calls give one file different embeddings (LAION-AI/CLAP issue 166). A
    shorter sound is repeated as often as it fits, then followed by silence, as in training ("repeatpad").
    """
    samples = _at_rate(sound, extractor.sampling_rate)
    length = extractor.nb_max_samples
    if len(samples) < length:
        samples = np.tile(samples, length // len(samples))
        samples = np.pad(samples, (0, length - len(samples)))
    spare = len(samples) - length
    starts = np.linspace(0, spare, windows).astype(int) if windows > 1 else np.array([spare // 2])
    return np.stack([samples[start : start + length] for start in starts])


def _at_rate(sound: Sound, rate: int) -> np.ndarray:
    if sound.rate == rate:
        return sound.samples
    shared = np.gcd(sound.rate, rate)
    resampled = resample_poly(sound.samples.astype(np.float64), rate // shared, sound.rate // shared)
    return np.rint(resampled).clip(-32767, 32767).astype(np.int16)


def log_mel(samples: torch.Tensor, extractor: ClapFeatureExtractor) -> torch.Tensor:
    """Compute spectrograms in decibels, float32 (n, 1, frames, mel bins), from int16 samples (n, samples)."""
    size = extractor.fft_window_size
    window = torch.hann_window(size, device=samples.device)
    waves = samples.float() / 32767  # as LAION's training scales its 16-bit sounds
    spectra = torch.stft(waves, size, extractor.hop_length, window=window, pad_mode="reflect", return_complex=True)
    filters = torch.from_numpy(extractor.mel_filters_slaney).to(samples.device, torch.float32)
    power = spectra.abs().square().transpose(1, 2) @ filters
    return (10 * power.clamp(min=1e-10).log10())[:, None]
