"""Spectrograms agree with transformers' own, and long sounds are cut at fixed places."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import ClapFeatureExtractor

from lib.data.formats.audio import Sound
from lib.data.sounds import sound_of
from lib.encoders.log_mel import cut, log_mel
from lib.encoders.training.sounds_clap import BINS, make_extractor

LAION = ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad")


@pytest.mark.parametrize("ours", [True, False], ids=["sounds-clap", "LAION"])
def test_spectrograms_are_those_of_the_feature_extractor(ours: bool) -> None:
    extractor = make_extractor() if ours else LAION
    for sound in (sound_of("test", 0, 1), Sound(sound_of("test", 0, 2).samples[:9000], extractor.sampling_rate)):
        samples = cut(sound, extractor, 1)
        expected = extractor(
            samples[0] / 32767, sampling_rate=extractor.sampling_rate, return_tensors="pt"
        ).input_features[0]
        mels = log_mel(torch.from_numpy(samples), extractor)[0]
        assert mels.shape == expected.shape == ((1, BINS, BINS) if ours else (1, 1001, 64))
        np.testing.assert_allclose(mels, expected, atol=0.02)


def test_short_sounds_are_repeated_as_the_feature_extractor_does() -> None:
    extractor = make_extractor()
    short = Sound(sound_of("test", 0, 7).samples[:9000], extractor.sampling_rate)
    expected = extractor(short.samples / 32767, sampling_rate=16_000, return_tensors="pt").input_features[0]
    mels = log_mel(torch.from_numpy(cut(short, extractor, 1)), extractor)[0]
    np.testing.assert_allclose(mels, expected, atol=0.02)


def test_windows_lie_at_fixed_places() -> None:
    extractor = make_extractor()
    size = extractor.nb_max_samples
    long = Sound((np.arange(2 * size + 100) // 3).astype(np.int16), extractor.sampling_rate)
    windows = cut(long, extractor, 3)
    starts = [0, (size + 100) // 2, size + 100]
    assert all((windows[i] == long.samples[start : start + size]).all() for i, start in enumerate(starts))
    assert (cut(long, extractor, 1)[0] == windows[1]).all()
    exact = Sound(long.samples[:size], extractor.sampling_rate)
    assert (cut(exact, extractor, 3) == exact.samples).all()


def test_other_rates_are_resampled() -> None:
    time = np.arange(44_100) / 44_100
    sound = Sound(np.rint(20_000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16), 44_100)
    samples = cut(sound, make_extractor(), 1)[0]
    expected = 20_000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(samples[200:15_000] - expected[200:15_000]).max() < 100
