"""Ten sentences: every bracket is filled from a claim, and nothing in them is typed."""

from __future__ import annotations

import re

import pytest

from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.report.register import spec_of
from lib.report.scoreboard import committed_claims
from lib.report.ten_sentences import BRACKET, open_verdicts, raw_sentences, said_effect, said_verdicts, ten_sentences
from tests.report.examples import evidence, example


def test_there_are_ten_sentences_about_every_paper_without_a_typed_number() -> None:
    entries = raw_sentences()
    assert len(entries) == 10
    ids = [match[1] for one in entries for match in BRACKET.finditer(one["sentence"])]
    assert {id.split(".")[0] for id in ids} == {"p1", "p2", "p3", "p4"}
    for one in entries:
        assert not re.search(r"\d\.\d|\d+ %", BRACKET.sub("", one["sentence"])), one["topic"]
        for id, world, name in BRACKET.findall(one["sentence"]):
            assert not world or name in ("positive", "negative", *(part.name for part in spec_of(id).parts)), name


def test_the_committed_claims_fill_every_bracket() -> None:
    sentences = ten_sentences(committed_claims(ROOT / "results"))
    assert len(sentences) == 10
    for topic, sentence in sentences:
        assert "[" not in sentence and "not measured" not in sentence and "not tested" not in sentence, topic


def test_verdicts_are_named_with_their_worlds() -> None:
    whole, part = example(), example(evidence(r2=[0.1, 0.2, 0.3]))
    worlds = {"photos": {"p1.C4": part}, "scenes": {"p1.C4": whole}, "sounds": {"p1.C4": whole}}
    assert said_verdicts(worlds, "p1.C4") == "reproduced (scenes, sounds), partly (photos)"
    assert said_verdicts(worlds, "p1.C1") == "not tested"
    assert said_effect(worlds, "p1.C4", "photos", "R2") == f"{part.sides[0].mean:.2f}"
    assert said_effect(worlds, "p1.C4", "atoms", "R2") == "not measured"
    with pytest.raises(CompanionError, match=r"claim p1\.C4 has no part 'R3'"):
        said_effect(worlds, "p1.C4", "photos", "R3")


def test_open_verdicts_are_sorted_by_what_would_decide_them() -> None:
    claim = example()
    worlds = {"scenes": {"p1.C4": claim.model_copy(update={"near": True, "verdict": "undecided"})}}
    assert open_verdicts(worlds) == {
        "near a margin": ["p1.C4 (scenes)"],
        "undecided": ["p1.C4 (scenes)"],
        "not testable": [],
    }
