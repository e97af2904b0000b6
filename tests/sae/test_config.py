import json

import pytest

from lib.data.errors import CompanionError
from lib.sae.config import SAEConfig, TrainConfig, train_config


def test_plain_json_round_trip():
    config = TrainConfig(SAEConfig("topk", 32, k=4), steps=10, lr=1e-3)
    assert train_config(json.loads(json.dumps(config.plain()))) == config
    nested = TrainConfig(SAEConfig("matryoshka", 32, prefixes=(4, 16, 32)))
    assert train_config(json.loads(json.dumps(nested.plain()))) == nested


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "width is 0; give at least one latent"),
        ({"k": 0}, "k is 0 of 16 latents; give 1 to width"),
        ({"k": 17}, "k is 17 of 16 latents; give 1 to width"),
        ({"l1": -1.0}, "l1 is -1.0; give 0 or more"),
        ({"prefixes": (4, 4, 16)}, r"prefixes are \[4, 4, 16\]; give whole numbers that rise to the width, 16"),
        ({"prefixes": (4, 8)}, "rise to the width, 16"),
        ({"prefixes": (0, 16)}, "rise to the width, 16"),
        ({"prefixes": (0.5, 16)}, "give whole numbers"),
        ({"prefixes": "all"}, "prefixes is 'all', a str; give tuple"),
        ({"width": "16"}, "width is '16', a str; give int"),
        ({"width": True, "k": 1}, "width is True, a bool; give int"),
        ({"k": 2.0}, "k is 2.0, a float; give int"),
    ],
)
def test_bad_dictionaries_are_refused(change, message):
    with pytest.raises(CompanionError, match=message):
        SAEConfig(**{"recipe": "topk", "width": 16, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps is 0; give at least 1"),
        ({"batch": 0}, "batch is 0; give at least 1"),
        ({"dead_after": 0}, "dead_after is 0; give at least 1"),
        ({"warmup": 1.5}, "warmup is 1.5; give a fraction of the steps"),
        ({"decay": -0.1}, "decay is -0.1; give a fraction of the steps"),
        ({"lr": 0.0}, "lr is 0.0; give a positive rate or None"),
        ({"lr": "fast"}, "lr is 'fast', a str; give"),
        ({"seed": -1}, "log_every and seed are not negative"),
        ({"precision": "fp8"}, "unknown precision 'fp8'; known: float32, bf16"),
        ({"stepz": 3}, "unknown setting 'stepz' of TrainConfig; known: sae, steps"),
        ({"sae": {"recipe": "topk"}}, "missing 1 required positional argument: 'width'; give what is missing"),
        ({"sae": None}, "the training has no `sae` section; give one with recipe and width"),
    ],
)
def test_bad_trainings_are_refused(change, message):
    with pytest.raises(CompanionError, match=message):
        train_config({"sae": {"recipe": "topk", "width": 16}, **change})


def test_an_int_passes_as_a_float():
    assert TrainConfig(SAEConfig("relu", 16, l1=1), lr=1).lr == 1
