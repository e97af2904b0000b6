"""Sounds and WAV files: every depth becomes 16 bits of one channel, anything else one line."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from lib.base.errors import CompanionError
from lib.data.formats.audio import Sound, SoundFiles, read_wav
from lib.data.pairs import Pairs

TONE = np.rint(20_000 * np.sin(np.arange(400) / 7)).astype(np.int16)


def wav(samples: np.ndarray, rate: int = 8000) -> io.BytesIO:
    file = io.BytesIO()
    wavfile.write(file, rate, samples)
    file.seek(0)
    return file


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_every_depth_becomes_sixteen_bits(dtype: type) -> None:
    scaled = {
        np.uint8: np.rint(TONE / 32767 * 127 + 128).astype(np.uint8),
        np.int16: TONE,
        np.int32: TONE.astype(np.int32) << 16,
    }
    sound = read_wav(wav(scaled.get(dtype, (TONE / 32767).astype(dtype))), "tone")
    assert sound.rate == 8000 and sound.samples.dtype == np.int16 and sound.seconds == 0.05
    assert np.abs(sound.samples.astype(int) - TONE).max() <= (130 if dtype is np.uint8 else 1)


def test_channels_are_averaged_and_the_standard_library_agrees() -> None:
    stereo = np.column_stack([TONE, np.zeros_like(TONE)])
    assert np.abs(read_wav(wav(stereo), "two").samples * 2 - TONE.astype(int)).max() <= 1
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(16_000)
        written.writeframes(TONE.astype("<i2").tobytes())
    file.seek(0)
    assert (read_wav(file, "plain").samples == TONE).all()


def test_what_does_not_decode_is_one_line(tmp_path: Path) -> None:
    cut = io.BytesIO(wav(TONE).getvalue()[:30])
    broken = TONE / np.float32(32767)
    broken[3] = np.nan
    for source, message in (
        (tmp_path / "gone.wav", "bird: no such sound"),
        (io.BytesIO(b"not a sound at all"), "bird: not a readable WAV file"),
        (cut, "bird: not a readable WAV file"),
        (wav(np.empty(0, np.int16)), "bird: a WAV file without samples"),
        (wav(broken), "bird: samples of NaN or infinity"),
    ):
        with pytest.raises(CompanionError, match=message) as caught:
            read_wav(source, "bird")
        assert "\n" not in str(caught.value)


def test_a_sound_is_checked() -> None:
    with pytest.raises(CompanionError, match=r"a sound of float64 \(3,\); give int16"):
        Sound(np.zeros(3), 8000)
    with pytest.raises(CompanionError, match="a sound of 0 samples at 8000 per second"):
        Sound(np.zeros(0, np.int16), 8000)


def test_files_are_read_when_asked_for(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(wav(TONE).getvalue())
    files = SoundFiles(tmp_path, ("a.wav", "b.wav", "gone.wav"))
    assert len(files) == 3 and files[1:].names == ("b.wav", "gone.wav")
    assert (files[1].samples == TONE).all()
    with pytest.raises(CompanionError, match=r"gone.wav: no such sound"):
        _ = files[2]


def test_pairs_hold_sounds_in_place_of_images() -> None:
    sounds = [Sound(TONE, 8000)] * 2
    pairs = Pairs(np.array(["a", "b"]), None, (("x",), ("y",)), {}, sounds=sounds)
    assert pairs.media is sounds and pairs.first(1).media == sounds[:1]
    with pytest.raises(CompanionError, match="2 sounds for 1 ids"):
        Pairs(np.array(["a"]), None, None, {}, sounds=sounds)
    with pytest.raises(CompanionError, match="pairs of images and of sounds at once"):
        Pairs(np.array(["a", "b"]), [None, None], None, {}, sounds=sounds)
