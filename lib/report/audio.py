"""Sounds in notebooks: a player for each, small enough to be committed."""

from __future__ import annotations

import io
import wave

from IPython.display import Audio

from lib.data.audio import Sound
from lib.data.errors import CompanionError

LONGEST = 3.0
"""Seconds; a notebook holds the samples of every player in it."""


def player(sound: Sound) -> Audio:
    """A player with the sound inside, the same bytes on every machine."""
    if sound.seconds > LONGEST:
        raise CompanionError(f"a sound of {sound.seconds:.1f} s would bloat the notebook; cut it to {LONGEST:.0f} s")
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(sound.rate)
        written.writeframes(sound.samples.astype("<i2").tobytes())
    return Audio(data=file.getvalue())
