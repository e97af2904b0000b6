"""MusicBench: clips of music with captions, on which paper 3 evaluates. Source: Melechovsky et al., NAACL 2024."""

from __future__ import annotations

from pathlib import Path

from lib.data.formats.captioned_sounds import clip_pairs
from lib.data.formats.text_files import read_json_lines, text_field
from lib.data.pairs import Pairs


def musicbench(captions: Path, folder: Path) -> Pairs:
    """Read a part of MusicBench, whose clips have one caption each.

    captions: `MusicBench_train.json`, `MusicBench_test_A.json` or `MusicBench_test_B.json`, JSON lines. folder: the
    folder of the unpacked clips.
    """
    texts = []
    for number, record in enumerate(read_json_lines(captions), 1):
        where = f"{captions.name}, line {number}"
        texts.append((text_field(record, "location", where), (text_field(record, "main_caption", where),)))
    return clip_pairs("musicbench", captions, folder, texts)
