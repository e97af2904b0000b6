import json
import pickle
from dataclasses import FrozenInstanceError, asdict, replace

import pytest

from lib.base.errors import CompanionError
from lib.sae.config import PairedConfig, SAEConfig, TrainConfig, TwoTowerConfig, sae_config


@pytest.mark.parametrize(
    "config",
    [
        SAEConfig("topk", 32, k=4),
        SAEConfig("matryoshka", 32, prefixes=(4, 16, 32)),
        TwoTowerConfig("vl_sae", 32, k=4, norm=0.71),
        PairedConfig("mgsae", 16, 4, modalities=("image", "text", "audio"), biases=3, mask=0.2),
    ],
)
def test_plain_json_round_trip(config):
    assert sae_config(json.loads(json.dumps(asdict(config)))) == config
    run = TrainConfig(config)
    assert run.plain()["sae"] == asdict(config)
    assert pickle.loads(pickle.dumps(run)) == replace(run) == run
    assert hash(replace(run)) == hash(run)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "width is 0; it should be greater than or equal to 1"),
        ({"k": 0}, "k is 0 of 16 latents; give 1 to width"),
        ({"k": 17}, "k is 17 of 16 latents; give 1 to width"),
        ({"l1": -1.0}, r"l1 is -1\.0; it should be greater than or equal to 0"),
        ({"l1": float("nan")}, "l1 is nan; it should be"),
        ({"l1": float("inf")}, "l1 is inf; it should be a finite number"),
        ({"prefixes": (4, 4, 16)}, r"prefixes are \[4, 4, 16\]; give whole numbers that rise to the width, 16"),
        ({"prefixes": (4, 8)}, ".* rise to the width, 16"),
        ({"prefixes": (0, 16)}, ".* rise to the width, 16"),
        ({"prefixes": (0.5, 16)}, r"prefixes\.0 is 0\.5; it should be a valid integer"),
        ({"prefixes": "all"}, "prefixes is 'all'; it should be a valid tuple"),
        ({"width": "16"}, "width is '16'; it should be a valid integer"),
        ({"width": True, "k": 1}, "width is True; it should be a valid integer"),
        ({"k": 2.0}, r"k is 2\.0; it should be a valid integer"),
        ({"widht": 3}, "widht: Unexpected keyword argument"),
    ],
)
def test_bad_dictionaries_are_refused(change, message):
    with pytest.raises(CompanionError, match=f"SAEConfig: {message}") as error:
        SAEConfig(**{"recipe": "topk", "width": 16, **change})
    assert "\n" not in str(error.value)


def test_a_setting_is_named_where_it_was_given_by_place():
    with pytest.raises(CompanionError, match="SAEConfig: width is -3; "):
        SAEConfig("topk", -3)


def test_what_is_missing_is_named():
    with pytest.raises(CompanionError, match="SAEConfig: width: Field required"):
        sae_config({"recipe": "topk"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modalities": ("image",)}, r"modalities are \('image',\); name two or more, each once"),
        ({"modalities": ("image", "image")}, "modalities are .*, each once"),
        ({"biases": 3}, "biases is 3; give 1 or 2, one per modality"),
        ({"penalty": -1.0}, r"penalty is -1\.0; it should be greater than or equal to 0"),
        ({"mask": 1.0}, r"mask is 1\.0; it should be less than 1"),
        ({"mask_rows": "row"}, "mask_rows is 'row'; it should be 'pair', 'batch' or 'member'"),
        ({"k": 9}, "k is 9 of 8 latents; give 1 to width"),
    ],
)
def test_bad_paired_dictionaries_are_refused(change, message):
    with pytest.raises(CompanionError, match=f"PairedConfig: {message}"):
        PairedConfig("gsae", 8, **{"k": 4, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps is 0; it should be greater than or equal to 1"),
        ({"batch": 0}, "batch is 0; it should be greater than or equal to 1"),
        ({"dead_after": 0}, "dead_after is 0; it should be greater than or equal to 1"),
        ({"warmup": 1.5}, r"warmup is 1\.5; it should be less than or equal to 1"),
        ({"decay": -0.1}, r"decay is -0\.1; it should be greater than or equal to 0"),
        ({"lr": 0.0}, r"lr is 0\.0; it should be greater than 0"),
        ({"lr": "fast"}, "lr is 'fast'; it should be a valid number"),
        ({"seed": -1}, "seed is -1; it should be greater than or equal to 0"),
        ({"seed": 2**63}, "seed is 9223372036854775808; it should be less than 9223372036854775808"),
        ({"lr": float("inf")}, "lr is inf; it should be a finite number"),
        ({"log_every": -1}, "log_every is -1; it should be greater than or equal to 0"),
        ({"precision": "fp8"}, "precision is 'fp8'; it should be 'float32' or 'bf16'"),
        ({"stepz": 3}, "stepz: Unexpected keyword argument"),
        ({"sae": None}, "sae is None; it should be an instance of SAEConfig"),
    ],
)
def test_bad_trainings_are_refused(change, message):
    with pytest.raises(CompanionError, match=f"TrainConfig: {message}"):
        TrainConfig(**{"sae": SAEConfig("topk", 16), **change})


def test_an_int_passes_as_a_float_and_stays_an_int():
    """A cache key tells 1 from 1.0."""
    plain = TrainConfig(SAEConfig("relu", 16, l1=1), lr=1).plain()
    assert type(plain["lr"]) is type(plain["sae"]["l1"]) is int


def test_a_configuration_does_not_change():
    with pytest.raises(FrozenInstanceError):
        SAEConfig("topk", 16).width = 8
