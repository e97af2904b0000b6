from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lib.report.card import card_html, card_text, is_card
from lib.report.effects import over_seeds
from tests.report.examples import evidence, example, spec


def test_a_card_says_what_was_measured_what_the_paper_has_and_what_follows() -> None:
    text = card_text(example(), spec())
    assert text.splitlines() == [
        "evidence for p1.C4 (seeds 0 1 2; n = 2,000)",
        "  score: 0.12 [0.0952, 0.145]; above 0.05: reproduced",
        "  R2: -0.21 [-0.235, -0.185]; below -0.1: reproduced",
        "  positive control, the truth as dictionary: 0.31 [0.285, 0.335]",
        "  negative control, shuffled: 0 [-0.0248, 0.0248]",
        "  paper: MS falls by 0.1 (table 2; CLIP ViT-L/14, ImageNet)",
        "  so: choose the smallest K whose reconstruction you can afford",
    ]


def test_the_drawing_has_a_dot_per_seed_at_its_place_and_the_margin_as_a_line() -> None:
    html = card_html(example(), spec())
    drawings = re.findall("<svg.*?</svg>", html)
    assert len(drawings) == 4
    first = drawings[0]
    dots = [float(x) for x in re.findall(r'circle cx="([\d.]+)"', first)]
    zero, margin, low = (float(x) for x in re.findall(r'line x1="([\d.]+)"', first))
    assert len(dots) == 3 and dots == sorted(dots)
    unit = (margin - zero) / 0.05
    assert dots[0] - zero == pytest.approx(0.11 * unit, abs=0.2)
    assert low - zero == pytest.approx(0.0952 * unit, abs=0.2)


def test_what_is_missing_near_or_undecided_is_on_the_card() -> None:
    given = evidence()
    claim = example(replace(given, parts={**given.parts, "R2": "no decoder"}, context={}))
    assert "R2: not measured here, no decoder" in card_text(claim, spec())
    html = card_html(claim, spec())
    assert "no decoder" in html and "further numbers" not in html
    one = example(evidence(over_seeds([0.2]), [-0.2], seeds=[0], positive=None, negative=None))
    assert "one seed, no interval" in card_html(one, spec())
    assert card_text(one, spec()).count("control, ") == card_text(one, spec()).count("not measured here") == 2
    assert "1 further numbers" in card_html(example(), spec())


def test_only_a_card_is_a_card_and_text_is_escaped() -> None:
    given = evidence(context={"<script>alert(1)</script>": over_seeds([0.1, 0.2, 0.3])})
    html = card_html(example(given), spec(so="a < b & c"))
    assert is_card(html) and "<script" not in html and "a &lt; b &amp; c" in html
    opening = '<div class="evidence-card">'
    for foreign in (
        "<script>1</script>",
        '<img src="x">',
        '<a href="x">y</a>',
        '<p onclick="x">y</p>',
        '<p style="a">y</p>',
        '<circle fill="url(http://x)"></circle>',
        "<style>p{}</style>",
    ):
        assert not is_card(html.replace("</div>", foreign + "</div>")), foreign
        assert not is_card(opening + foreign + "</div>"), foreign
    assert not is_card("<p>1</p>") and not is_card("")
