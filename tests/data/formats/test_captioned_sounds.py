"""Published audio data sets, on tiny files in their layouts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from lib.base.errors import CompanionError
from lib.data.pairs import Pairs
from lib.data.sets.audiocaps import audiocaps
from lib.data.sets.clotho import clotho
from lib.data.sets.esc50 import esc50
from lib.data.sets.musicbench import musicbench

AUDIOCAPS = """audiocap_id,youtube_id,start_time,caption
1001,aB-_1,30,"A dog barks, twice"
1002,aB-_1,30,A dog is barking
1003,cD2,0,Rain falls
"""
CLOTHO = """file_name,caption_1,caption_2,caption_3,caption_4,caption_5
Rain on a roof.wav,Rain falls.,"Rain, on a roof.",Drops.,It rains.,Water.
bird.wav,A bird.,Birds.,A bird sings.,Singing.,Tweets.
"""
ESC50 = """filename,fold,target,category,esc10,src_file,take
1-100032-A-0.wav,1,0,dog,True,100032,A
2-100038-A-14.wav,2,14,chirping_birds,False,100038,A
"""
MUSICBENCH = """{"dataset": "MusicBench", "location": "data_aug2/-0Sd_1.wav", "main_caption": "A slow song."}
{"dataset": "MusicBench", "location": "data/b.wav", "main_caption": "Fast drums."}
"""

NAMES = {
    "audiocaps": ("aB-_1_30.wav", "cD2_0.wav"),
    "clotho": ("Rain on a roof.wav", "bird.wav"),
    "esc50": ("1-100032-A-0.wav", "2-100038-A-14.wav"),
    "musicbench": ("data_aug2/-0Sd_1.wav", "data/b.wav"),
}
READERS: dict[str, tuple[Callable[..., Pairs], str]] = {
    "audiocaps": (audiocaps, AUDIOCAPS),
    "clotho": (clotho, CLOTHO),
    "esc50": (esc50, ESC50),
    "musicbench": (musicbench, MUSICBENCH),
}


def written(folder: Path, dataset: str, text: str | None = None) -> tuple[Path, Path]:
    """The file of captions and the folder of clips."""
    captions = folder / f"{dataset}.txt"
    captions.write_text(READERS[dataset][1] if text is None else text)
    for name in NAMES[dataset]:
        (folder / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(folder / "clips" / name, 8000, np.arange(100, dtype=np.int16))
    return captions, folder / "clips"


@pytest.mark.parametrize("dataset", READERS)
def test_pairs_have_the_clips_and_their_captions(dataset: str, tmp_path: Path) -> None:
    pairs = READERS[dataset][0](*written(tmp_path, dataset))
    assert tuple(pairs.ids) == NAMES[dataset]
    assert [len(pairs.sounds[i].samples) for i in range(2)] == [100, 100]
    assert pairs.identity["dataset"] == dataset and pairs.identity["bytes"] == [244, 244]
    first = {"audiocaps": "A dog barks, twice", "clotho": "Rain falls.", "esc50": "dog", "musicbench": "A slow song."}
    assert pairs.captions[0][0] == first[dataset]


def test_captions_of_one_clip_come_together(tmp_path: Path) -> None:
    pairs = audiocaps(*written(tmp_path, "audiocaps"))
    assert [len(texts) for texts in pairs.captions] == [2, 1]
    assert len(clotho(*written(tmp_path, "clotho")).captions[1]) == 5


def test_audiocaps_clips_may_have_other_names(tmp_path: Path) -> None:
    captions, clips = written(tmp_path, "audiocaps")
    (clips / "aB-_1_30.wav").rename(clips / "YaB-_1.wav")
    (clips / "cD2_0.wav").rename(clips / "YcD2.wav")
    assert tuple(audiocaps(captions, clips).ids) == ("YaB-_1.wav", "YcD2.wav")


def test_esc50_has_folds_and_facts(tmp_path: Path) -> None:
    captions, clips = written(tmp_path, "esc50")
    pairs = esc50(captions, clips, folds=[2])
    assert pairs.captions == (("chirping birds",),)
    assert pairs.facts.names == ("category:chirping_birds", "category:dog")
    assert pairs.facts.truth.tolist() == [[True, False]] and pairs.facts.mentioned.tolist() == [[[True, False]]]
    with pytest.raises(CompanionError, match=r"no sounds of folds \[6\]; ESC-50 has folds 1 to 5"):
        esc50(captions, clips, folds=[6])


@pytest.mark.parametrize(
    ("dataset", "text", "message"),
    [
        ("clotho", "file_name,caption_1\na.wav,x\n", "clotho.txt: no column 'caption_2'"),
        ("clotho", CLOTHO.splitlines()[0] + "\n", "clotho.txt: no rows in it"),
        ("clotho", CLOTHO + "c.wav,x\n", "clotho.txt, line 4: not file_name,caption_1"),
        ("clotho", CLOTHO + '"c.wav', "clotho.txt, line 4: cut off"),
        ("clotho", CLOTHO + CLOTHO.splitlines()[1] + "\n", "image Rain on a roof.wav appears twice"),
        ("clotho", CLOTHO + "gone.wav,a,b,c,d,e\n", "no gone.wav, which clotho.txt names"),
        ("clotho", CLOTHO + "../up.wav,a,b,c,d,e\n", "'../up.wav' is outside the folder"),
        ("musicbench", '{"location": "a.wav"}\n', "musicbench.txt, line 1: no field 'main_caption'"),
        (
            "audiocaps",
            "audiocap_id,youtube_id,start_time,caption\n1,gone,0,x\n",
            "none of gone_0.wav, 1.wav, Ygone.wav",
        ),
    ],
)
def test_what_is_missing_or_malformed_is_one_line(dataset: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=message) as caught:
        READERS[dataset][0](*written(tmp_path, dataset, text))
    assert "\n" not in str(caught.value)
