"""The training of the sounds' CLAP: a stopped run goes on to the same weights, and the loss is the one it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lib.data.sounds.sound_pairs import sound_of
from lib.encoders.training import sounds_clap
from lib.encoders.training.sounds_clap import BINS, SEED, Learner, make_extractor, make_model, make_tokenizer


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds_clap, "SOUNDS", 8)
    monkeypatch.setattr(sounds_clap, "BATCH", 4)


def test_words_are_tokens_between_marks() -> None:
    tokenizer = make_tokenizer()
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("A violin going UP")["input_ids"])
    assert tokens == ["<s>", "a", "violin", "going", "up", "</s>"]
    assert tokenizer("zebra")["input_ids"][1] == tokenizer.unk_token_id


def test_spectrograms_are_kept_and_those_of_the_sounds(cache: Path) -> None:
    extractor = make_extractor()
    mels = sounds_clap.training_mels(extractor)
    assert mels.shape == (8, BINS, BINS) and mels.dtype == np.float16
    sound = sound_of("train", SEED, 5).samples / 32767
    expected = extractor(sound, sampling_rate=16_000, return_tensors="pt").input_features[0, 0]
    np.testing.assert_allclose(mels[5], expected, atol=0.1)


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, extractor = make_tokenizer(), make_extractor()

    def run(cache: str, stops: list[int]) -> dict[str, torch.Tensor]:
        monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / cache))
        for steps in stops:
            monkeypatch.setattr(sounds_clap, "STEPS", steps)
            learner = Learner(make_model(tokenizer, 0), 0).train()
            sounds_clap.train(learner, tokenizer, extractor)
        return learner.state_dict()

    monkeypatch.setattr(sounds_clap, "schedule", lambda step, steps: 0.1)  # the same, however many steps
    whole, parts = run("whole", [3]), run("parts", [1, 3])
    start = Learner(make_model(tokenizer, 0), 0).state_dict()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    changed = {name for name in whole if not torch.equal(whole[name], start[name])}
    assert any("audio_model" in name for name in changed) and any("text_model" in name for name in changed)
