"""What is said about published models, and that the list of them is right."""

from __future__ import annotations

import pytest

from lib.base.errors import NotAvailable
from lib.report.published_models import DECIDED, MODELS, model_sentence
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session


@pytest.mark.parametrize("name", MODELS)
def test_models_are_those_of_the_worlds(name: str) -> None:
    world = open_session("10_monosemanticity", load_profile(name)).world
    try:
        encoder = world.embeddings("test").encoder
    except NotAvailable:
        pytest.skip("needs COMPANION_DATA")
    assert encoder == MODELS[name]


def test_verdicts_that_say_nothing_about_the_claim() -> None:
    assert set(DECIDED) == {"reproduced", "partly", "weaker", "no effect seen", "opposite"}


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ({"scenes": "reproduced", "labels-b32": ""}, ""),
        ({"labels-b32": "undecided", "clip-arrays": "not testable here"}, "no published model decides it."),
        (
            {"labels-b32": "weaker", "caltech-b32": "undecided", "scenes": "opposite"},
            "only one published model decides it: CLIP ViT-B/32 weaker (labels-b32).",
        ),
        (
            {"labels-b32": "weaker", "clip-arrays": "weaker", "caltech-b32": "weaker"},
            "the same verdict with each published model: CLIP ViT-B/16 weaker (clip-arrays); CLIP ViT-B/32 weaker "
            "(labels-b32, caltech-b32).",
        ),
        (
            {"labels-b32": "weaker", "products-fashionclip": "opposite"},
            "the verdict depends on the model or on its data: CLIP ViT-B/32 weaker (labels-b32); FashionCLIP opposite "
            "(products-fashionclip).",
        ),
        (
            {"labels-b32": "weaker", "caltech-b32": "partly", "clip-arrays": "weaker"},
            "the verdict depends on the data of one model already: CLIP ViT-B/16 weaker (clip-arrays); CLIP ViT-B/32 "
            "weaker (labels-b32), partly (caltech-b32).",
        ),
    ],
)
def test_a_sentence_says_what_depends_on_the_model(verdicts: dict[str, str], sentence: str) -> None:
    assert model_sentence(verdicts) == sentence
