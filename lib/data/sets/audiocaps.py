"""AudioCaps: clips of YouTube videos with captions. Source: Kim et al., NAACL 2019."""

from __future__ import annotations

from pathlib import Path

from lib.base.errors import CompanionError
from lib.base.yaml import display
from lib.data.formats.captioned_sounds import clip_pairs, read_csv_rows
from lib.data.pairs import Pairs

_COLUMNS = ("audiocap_id", "youtube_id", "start_time", "caption")

_NAMES = ("{youtube_id}_{start_time}.wav", "{audiocap_id}.wav", "Y{youtube_id}.wav", "{youtube_id}.wav")
"""The names that downloaders give the clips, since AudioCaps publishes no audio."""


def audiocaps(captions: Path, folder: Path) -> Pairs:
    """Read a split of AudioCaps: all captions of a clip (five in val and test) become one pair with it.

    captions: `train.csv`, `val.csv` or `test.csv`. folder: the folder of the clips.
    """
    clips: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in read_csv_rows(captions, _COLUMNS):
        clips.setdefault((row["youtube_id"], row["start_time"]), []).append(row)
    first = next(iter(clips.values()))[0]
    patterns = [name for name in _NAMES if (folder / name.format(**first)).is_file()]
    if not patterns:
        names = ", ".join(name.format(**first) for name in _NAMES)
        raise CompanionError(f"{display(folder)}: none of {names} is in it; give the folder of AudioCaps' clips")
    texts = [(patterns[0].format(**rows[0]), tuple(row["caption"] for row in rows)) for rows in clips.values()]
    return clip_pairs("audiocaps", captions, folder, texts)
