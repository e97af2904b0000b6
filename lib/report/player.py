"""Players for sounds in notebooks, small enough to be committed."""

from __future__ import annotations

import io
import re
import wave

from IPython.display import Audio

from lib.base.errors import CompanionError
from lib.data.formats.audio import Sound

_LONGEST = 3.0
"""Largest length in seconds; a notebook contains the samples of every player in it."""

_PLAYER = re.compile(
    r'\s*<audio\s+controls="controls"\s*>\s*<source src="data:audio/wav;base64,[\w+/=]{,130000}" type="audio/wav" />'
    r"\s*Your browser does not support the audio element.\s*</audio>\s*"
)


def is_player(html: str) -> bool:
    """True if HTML is the output of `player`, for a sound of up to LONGEST seconds at 16 kHz, and nothing else."""
    return _PLAYER.fullmatch(html) is not None


def player(sound: Sound) -> Audio:
    """Make a player that contains the sound, with the same bytes on every machine."""
    if sound.seconds > _LONGEST:
        raise CompanionError(f"a sound of {sound.seconds:.1f} s would bloat the notebook; cut it to {_LONGEST:.0f} s")
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(sound.rate)
        written.writeframes(sound.samples.astype("<i2").tobytes())
    return Audio(data=file.getvalue())
