"""`lib score` finds its protocols, and a wrong call is one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lib.apps.given import ANSWER_PROTOCOLS, ENCODER_PROTOCOLS
from lib.apps.score_protocols import ANSWERS, PROTOCOLS, score_protocol
from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.worlds.profiles import load_profile
from tests.apps.test_score_classes import in_folders


def test_the_page_on_scores_has_every_protocol_and_no_other() -> None:
    page = (ROOT / "docs" / "scores.md").read_text()
    assert re.findall(r"^\| `([\w-]+)` \|", page, re.M) == [*PROTOCOLS, *ANSWERS]
    assert (tuple(PROTOCOLS), tuple(ANSWERS)) == (ENCODER_PROTOCOLS, ANSWER_PROTOCOLS)


@pytest.mark.parametrize(
    ("protocol", "answers", "says"),
    [
        ("rococco", None, r"no protocol 'rococco'; did you mean rococo\?"),
        ("pope", None, "pope scores answers; give --answers FILE"),
        ("chair", None, "chair scores answers; give --answers FILE"),
        ("rococo", Path("x"), "rococo scores an encoder; leave out --answers"),
    ],
)
def test_wrong_calls(protocol: str, answers: Path | None, says: str, tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=says):
        score_protocol(protocol, tmp_path, load_profile("scenes"), answers=answers)


def test_a_named_encoder_is_scored(tmp_path: Path, cache: Path) -> None:
    in_folders(tmp_path)
    named = score_protocol("zero-shot", tmp_path, load_profile("sounds"), "scenes-clip")
    assert named.equals(score_protocol("zero-shot", tmp_path, load_profile("scenes")))
    with pytest.raises(CompanionError, match="no architecture 'ViT-0'"):
        score_protocol("zero-shot", tmp_path, load_profile("scenes"), "ViT-0 openai")
