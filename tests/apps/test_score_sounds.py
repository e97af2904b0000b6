"""Sets of sounds in their published layouts, scored by the shipped CLAP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from lib.apps.score_protocols import score_protocol
from lib.base.errors import CompanionError
from lib.data.sounds import sounds
from lib.encoders.clap import load_clap
from lib.worlds.profiles import load_profile
from tests.data.formats.test_captioned_sounds import AUDIOCAPS, CLOTHO, ESC50, MUSICBENCH, NAMES

LAYOUTS = {
    "audiocaps": ("test.csv", "test", AUDIOCAPS),
    "clotho": ("clotho_captions_evaluation.csv", "evaluation", CLOTHO),
    "musicbench": ("MusicBench_test_A.json", "datashare", MUSICBENCH),
    "esc50": ("meta/esc50.csv", "audio", ESC50),
}
TOLD = {
    "audiocaps": (("A dog barks, twice", 0), ("A dog is barking", 0), ("Rain falls", 1)),
    "musicbench": (("A slow song.", 0), ("Fast drums.", 1)),
}
"""Captions and the clip of each."""


def laid_out(folder: Path, name: str) -> Path:
    captions, clips, text = LAYOUTS[name]
    (folder / captions).parent.mkdir(parents=True, exist_ok=True)
    (folder / captions).write_text(text)
    for sound, clip in zip(sounds("test", 2).sounds or (), NAMES[name], strict=True):
        (folder / clips / clip).parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(folder / clips / clip, sound.rate, sound.samples)
    return folder


@pytest.mark.parametrize("name", TOLD)
def test_retrieval(name: str, tmp_path: Path, cache: Path) -> None:
    table = score_protocol(name, laid_out(tmp_path, name), load_profile("scenes")).set_index("direction")
    assert table.index.tolist() == ["sound to text", "text to sound"] and table.loc["text to sound", "R@5"] == 100
    clap = load_clap("sounds-clap")
    heard = clap.encode_sounds(list(sounds("test", 2).sounds or ()))
    scores = heard @ clap.encode_texts([text for text, _ in TOLD[name]]).T / np.linalg.norm(heard, axis=1)[:, None]
    hits = scores.argmax(axis=0) == [owner for _, owner in TOLD[name]]
    assert table.loc["text to sound", "R@1"] == pytest.approx(100 * hits.mean())


@pytest.mark.parametrize("name", ["clotho", "esc50"])
def test_other_layouts(name: str, tmp_path: Path, cache: Path) -> None:
    table = score_protocol(name, laid_out(tmp_path, name), load_profile("scenes"))
    assert len(table) == (2 if name == "clotho" else 1)
    if name == "esc50":
        assert table.classes[0] == 2 and table.n[0] == 2 and table.accuracy[0] in (0, 50, 100)


def test_what_is_missing(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(CompanionError, match=r"clotho_captions_evaluation\.csv: no such file"):
        score_protocol("clotho", tmp_path, load_profile("scenes"))
    laid_out(tmp_path, "clotho")
    (tmp_path / "evaluation" / "bird.wav").unlink()
    with pytest.raises(CompanionError, match=r"no bird\.wav, which"):
        score_protocol("clotho", tmp_path, load_profile("scenes"))
    with pytest.raises(CompanionError, match="nothing"):
        score_protocol("clotho", tmp_path, load_profile("scenes"), encoder="nothing")
