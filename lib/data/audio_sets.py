"""Data sets of sounds with captions, in the layouts in which they are published: pairs for `lib.encoders.clap`.

Each function takes the file of captions and the folder with the WAV files; what is missing or malformed is one line.
Sources: AudioCaps, Kim et al., NAACL 2019; Clotho, Drossos et al., ICASSP 2020; ESC-50, Piczak, ACM MM 2015;
MusicBench, Melechovsky et al., NAACL 2024 (paper 3 evaluates on it).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lib.data.audio import SoundFiles
from lib.data.errors import CompanionError
from lib.data.pairs import Facts, Pairs
from lib.data.text_files import read_json_lines, read_text, sentence, text_pairs
from lib.data.yaml import display

AUDIOCAPS = ("audiocap_id", "youtube_id", "start_time", "caption")
CLOTHO = ("file_name", *(f"caption_{i}" for i in range(1, 6)))
ESC50 = ("filename", "fold", "target", "category", "esc10", "src_file", "take")

AUDIOCAPS_NAMES = ("{youtube_id}_{start_time}.wav", "{audiocap_id}.wav", "Y{youtube_id}.wav", "{youtube_id}.wav")
"""AudioCaps has no audio of its own; these are the names that its downloaders give the clips."""


def audiocaps(captions: Path, folder: Path) -> Pairs:
    """`train.csv`, `val.csv` or `test.csv` and its clips; captions of one clip (five in val and test) come together."""
    clips: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in _rows(captions, AUDIOCAPS):
        clips.setdefault((row["youtube_id"], row["start_time"]), []).append(row)
    first = next(iter(clips.values()))[0]
    patterns = [name for name in AUDIOCAPS_NAMES if (folder / name.format(**first)).is_file()]
    if not patterns:
        names = ", ".join(name.format(**first) for name in AUDIOCAPS_NAMES)
        raise CompanionError(f"{display(folder)}: none of {names} is in it; give the folder of AudioCaps' clips")
    texts = [(patterns[0].format(**rows[0]), tuple(row["caption"] for row in rows)) for rows in clips.values()]
    return _pairs("audiocaps", captions, folder, texts)


def clotho(captions: Path, folder: Path) -> Pairs:
    """`clotho_captions_<split>.csv` and the split's clips, with five captions each."""
    texts = [(row["file_name"], tuple(row[name] for name in CLOTHO[1:])) for row in _rows(captions, CLOTHO)]
    return _pairs("clotho", captions, folder, texts)


def esc50(meta: Path, folder: Path, folds: Sequence[int] = (1, 2, 3, 4, 5)) -> Pairs:
    """`meta/esc50.csv` and the folder `audio`: the category is the only caption and, as `category:dog`, the fact."""
    rows = _rows(meta, ESC50)
    kept = [row for row in rows if row["fold"] in {str(fold) for fold in folds}]
    if not kept:
        raise CompanionError(f"{meta.name}: no sounds of folds {list(folds)}; ESC-50 has folds 1 to 5")
    names = sorted({row["category"] for row in rows})
    truth = np.array([[row["category"] == name for name in names] for row in kept])
    texts = [(row["filename"], (row["category"].replace("_", " "),)) for row in kept]
    pairs = _pairs("esc50", meta, folder, texts, folds=list(folds))
    return replace(pairs, facts=Facts(tuple(f"category:{name}" for name in names), truth, truth[:, None]))


def musicbench(captions: Path, folder: Path) -> Pairs:
    """`MusicBench_train.json`, `MusicBench_test_A.json` or `_B.json` (an object a line) and the unpacked clips."""
    texts = []
    for number, record in enumerate(read_json_lines(captions), 1):
        where = f"{captions.name}, line {number}"
        texts.append((sentence(record, "location", where), (sentence(record, "main_caption", where),)))
    return _pairs("musicbench", captions, folder, texts)


Texts = Sequence[tuple[str, tuple[str, ...]]]


def _pairs(dataset: str, captions: Path, folder: Path, texts: Texts, **rest: object) -> Pairs:
    """Pairs whose ids are file names. The identity knows the clips by name and size, not by their bytes."""
    pairs = text_pairs(dataset, [captions], texts, **rest)
    names = tuple(name for name, _ in texts)
    outside = [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]
    if outside:
        raise CompanionError(f"{captions.name}: {outside[0]!r} lies outside the folder of clips; get the file again")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CompanionError(f"{display(folder)}: no {missing[0]}{more}, which {captions.name} names; get the clips")
    sizes = [(folder / name).stat().st_size for name in names]
    return replace(pairs, sounds=SoundFiles(folder, names), identity={**pairs.identity, "bytes": sizes})


def _rows(path: Path, header: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file that has the columns of `header` and maybe more."""
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise CompanionError(
            f"{path.name}, line {reader.reader.line_num}: cut off ({error}); get the file again"
        ) from None
    lacking = [name for name in header if name not in (reader.fieldnames or ())]
    if lacking:
        raise CompanionError(f"{path.name}: no column {lacking[0]!r}; its columns should be {','.join(header)}")
    if not rows:
        raise CompanionError(f"{path.name}: no rows in it; get the file again")
    for number, row in enumerate(rows, 2):
        if any(not row[name] for name in header):
            raise CompanionError(f"{path.name}, row {number}: not {','.join(header)}; get the file again")
    return rows
