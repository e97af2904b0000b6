"""CLAP models: what transformers computes, fixed windows, and one line for every folder that will not do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ClapConfig, ClapModel

from lib.base.errors import CompanionError, NotAvailable
from lib.base.places import MODELS
from lib.data.formats.audio import Sound
from lib.data.sounds import sound_of, sounds, truth_of
from lib.data.sounds.sound_words import KIND_NAMES
from lib.encoders.clap import ClapEncoder, load_clap
from lib.encoders.store import embed
from lib.encoders.training.sounds_clap import make_extractor, make_tokenizer
from lib.metrics.zero_shot import zero_shot

AUDIO = {"spec_size": 64, "window_size": 8, "depths": [1, 1], "num_attention_heads": [1, 2], "hidden_size": 16}
TEXT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLAP of random weights whose text tower attends evenly to all words, so that its first token knows the text."""
    path = tmp_path_factory.mktemp("models") / "tiny-clap"
    tokenizer = make_tokenizer()
    text = {**TEXT, "vocab_size": len(tokenizer), "max_position_embeddings": 20}
    config = ClapConfig(audio_config={**AUDIO, "patch_embeds_hidden_size": 8}, text_config=text, projection_dim=12)
    model = ClapModel(config)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        even = any(
            part in name for part in ("bias", "text_model.encoder.layer.0.attention.self.query", "position", "type")
        )
        scale = 0 if even else 10 if "attention.output.dense" in name else 0.5
        parameter.data = torch.randn(parameter.shape, generator=generator) * scale
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    make_extractor().save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def clap(folder: Path) -> ClapEncoder:
    return load_clap(folder)


def some_sounds(n: int) -> list[Sound]:
    return [sound_of("test", 0, i) for i in range(n)]


def test_what_it_says_of_itself(clap: ClapEncoder, folder: Path) -> None:
    assert (clap.name, clap.dim, clap.windows) == ("tiny-clap", 12, 1)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(clap.identity["sha256"])
    assert str(folder) not in json.dumps(clap.identity) and not clap.model.training


def test_sounds_and_texts_agree_with_transformers(clap: ClapEncoder) -> None:
    heard, texts = some_sounds(2), ["an organ", "a loud plucked organ over hiss " * 9]
    inputs = clap.extractor([s.samples / 32767 for s in heard], sampling_rate=16_000, return_tensors="pt")
    tokens = clap.tokenizer(
        texts, padding=True, truncation=True, max_length=18, return_tensors="pt", return_token_type_ids=False
    )
    with torch.no_grad():
        audio = clap.model.get_audio_features(inputs.input_features.float()).pooler_output
        text = clap.model.get_text_features(**tokens).pooler_output
    np.testing.assert_allclose(clap.encode_sounds(heard), audio, atol=1e-3)
    np.testing.assert_allclose(clap.encode_texts(texts), text, atol=1e-5)


def test_a_long_sound_is_the_mean_of_its_windows_every_time(folder: Path, clap: ClapEncoder) -> None:
    parts = [sound.samples for sound in some_sounds(3)]
    long = Sound(np.concatenate(parts), 16_000)
    three = load_clap(folder, windows=3)
    alone = clap.encode_sounds([Sound(part, 16_000) for part in parts])
    np.testing.assert_allclose(three.encode_sounds([long])[0], alone.mean(axis=0), atol=1e-5)
    np.testing.assert_array_equal(three.encode_sounds([long]), three.encode_sounds([long]))
    assert three.identity != clap.identity


def test_the_store_keeps_sounds(clap: ClapEncoder, cache: Path) -> None:
    pairs = sounds("test", 5)
    stored = embed(pairs, clap, batch=2)
    np.testing.assert_allclose(stored.image, clap.encode_sounds(some_sounds(5)), atol=1e-5)
    np.testing.assert_allclose(stored.text, clap.encode_texts([short for short, _ in pairs.captions]), atol=1e-5)
    with pytest.raises(CompanionError, match="these pairs have no images"):
        embed(replace(pairs, sounds=None), clap)


def test_a_collapsed_text_tower_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "flat")
    weights = load_file(tmp_path / "flat" / "model.safetensors")
    weights["text_projection.linear2.bias"] += 100
    save_file(weights, tmp_path / "flat" / "model.safetensors", {"format": "pt"})
    with pytest.raises(CompanionError, match=r"flat: its text tower has collapsed .*take another checkpoint"):
        load_clap(tmp_path / "flat")


def _fused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["audio_config"]["enable_fusion"] = True
    (folder / "config.json").write_text(json.dumps(config))


def _lacks_one(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["audio_projection.linear2.bias"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def _not_a_number(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["audio_projection.linear2.bias"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "its config is that of None; give the folder of a CLAP"),
        (lambda f: (f / "config.json").write_text('{"model_type": "bert"}'), "its config is that of 'bert'"),
        (lambda f: (f / "model.safetensors").unlink(), "has no weights in safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"cut off"), "its files do not make a CLAP"),
        (_fused, "a fused CLAP looks at random parts of a sound; take an unfused one"),
        (_lacks_one, "do not fit, first at 'audio_projection.linear2.bias'"),
        (_not_a_number, "weights 'audio_projection.linear2.bias' contain NaN"),
    ],
)
def test_damaged_folders_are_refused(damage: Callable, message: str, folder: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(folder, tmp_path / "damaged"))
    damage(damaged)
    with pytest.raises(CompanionError, match=message) as caught:
        load_clap(damaged)
    assert "\n" not in str(caught.value)


def test_bad_arguments_get_one_line(clap: ClapEncoder, folder: Path) -> None:
    for call, message in (
        (lambda: load_clap("clap-2"), r"no CLAP 'clap-2'.*shipped model \(sounds-clap\)"),
        (lambda: load_clap(folder, windows=0), "windows=0; cut at least one"),
        (lambda: clap.encode_sounds([]), "no sounds to encode"),
        (lambda: clap.encode_sounds([np.zeros(9)]), "a sound is a ndarray; give those of lib.data.formats.audio"),
        (lambda: clap.encode_texts([]), "no texts to encode"),
        (lambda: clap.encode_texts([3]), "a text is a int; give strings"),
    ):
        with pytest.raises(CompanionError, match=message):
            call()


def test_hub_models_come_from_the_cache_at_their_revision(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    shutil.copytree(folder, tmp_path / "models--someone--tiny" / "snapshots" / revision)
    loaded = load_clap("hf-hub:someone/tiny", revision=revision)
    assert loaded.name == "someone/tiny" and loaded.identity == load_clap(folder).identity
    with pytest.raises(NotAvailable, match="someone/tiny at v1 is not in the hub cache"):
        load_clap("hf-hub:someone/tiny", revision="v1")


def test_the_shipped_model_is_small_and_knows_its_world() -> None:
    assert (MODELS / "sounds-clap" / "model.safetensors").stat().st_size < 15e6
    shipped = load_clap("sounds-clap")
    assert shipped.tokenizer.get_vocab() == make_tokenizer().get_vocab()
    classes = shipped.encode_texts([f"a {name}" for name in KIND_NAMES])
    kinds = truth_of("test", 60).sounds[:, 0]
    assert zero_shot(shipped.encode_sounds(some_sounds(60)), classes, kinds).accuracy > 0.7
