"""Players of sounds: the bytes inside are a WAV file of the sound, short enough for a notebook."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_output

from lib.base.errors import CompanionError
from lib.data.formats.audio import Sound, read_wav
from lib.data.sounds import sound_of
from lib.report.player import player
from tests.gates.lint import lint
from tests.gates.notebooks import code, notebook, write


def test_the_player_holds_the_sound() -> None:
    sound = sound_of("test", 0, 0)
    html = player(sound)._repr_html_()
    (encoded,) = re.findall(r"base64,([\w+/=]+)", html)
    held = read_wav(io.BytesIO(base64.b64decode(encoded)), "player")
    assert held.rate == sound.rate and (held.samples == sound.samples).all()
    assert html == player(sound)._repr_html_()


def test_long_sounds_are_refused() -> None:
    with pytest.raises(CompanionError, match=r"a sound of 4\.0 s would bloat the notebook; cut it to 3 s"):
        player(Sound(np.ones(32_000, np.int16), 8000))


def test_the_notebook_lint_takes_players_and_no_other_html(tmp_path) -> None:
    said = code("say(...)", "[yes] it holds\n")
    html = player(sound_of("test", 0, 0))._repr_html_()

    def problems(shown: str) -> list[str]:
        output = new_output(
            "display_data", data={"text/html": shown, "text/plain": "<IPython.lib.display.Audio object>"}
        )
        return lint(write(notebook(said, new_code_cell("player(x)", outputs=[output])), tmp_path / "one.ipynb"))

    assert problems(html) == []
    assert "has output of type text/html" in problems(html + "<script>x</script>")[0]
    assert "has output of type text/html" in problems(html.replace("UklGR", "A" * 130_001))[0]
