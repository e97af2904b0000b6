"""Dictionaries, checkpoints and models whose safetensors or configs are cut, lie, or come from another version."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lib.base.errors import CompanionError
from lib.encoders import clip, judges
from lib.encoders.clip import load_clip
from lib.sae import storage
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.formats import saelens
from lib.sae.formats.saelens import load_saelens, save_saelens
from lib.sae.storage import load_sae, save_sae
from lib.sae.training import checkpoint
from lib.sae.training.checkpoint import load_checkpoint
from lib.sae.training.train import TrainingRun
from tests.encoders.conftest import random_weights, save_model
from tests.sae.reference import random_sae, toy
from tests.trust.common import Tried, listing, one_line

CONFIG = TrainConfig(SAEConfig("batch_topk", 24, 3), steps=20, batch=64)


def run() -> TrainingRun:
    return TrainingRun(CONFIG, toy(100), "image", "cpu")


def a_dictionary(folder: Path) -> tuple[Path, Callable[[], object]]:
    save_sae(random_sae("topk").float(), folder)
    return folder / storage.WEIGHTS, lambda: load_sae(folder)


def a_saelens_folder(folder: Path) -> tuple[Path, Callable[[], object]]:
    save_saelens(random_sae("topk").float(), folder)
    return folder / saelens.WEIGHTS, lambda: load_saelens(folder)


def a_checkpoint(folder: Path) -> tuple[Path, Callable[[], object]]:
    made = run()
    made.advance()
    made.save(folder)
    return folder / checkpoint.FILE, lambda: run().restore(folder)


LOADERS = {"dictionary": a_dictionary, "SAELens": a_saelens_folder, "checkpoint": a_checkpoint}


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and numbers of a safetensors file."""
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def joined(header: dict[str, Any] | str, numbers: bytes) -> bytes:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def lie(**entries: Any) -> Callable[[bytes], bytes]:
    """Change what the header says of its largest tensor."""

    def change(data: bytes) -> bytes:
        header, numbers = parts(data)
        tensors = {name: value for name, value in header.items() if name != "__metadata__"}
        largest = max(tensors, key=lambda name: tensors[name]["data_offsets"][1] - tensors[name]["data_offsets"][0])
        header[largest] |= entries
        return joined(header, numbers)

    return change


def overlapping(data: bytes) -> bytes:
    header, numbers = parts(data)
    names = [name for name in header if name != "__metadata__"]
    header[names[1]]["data_offsets"] = header[names[0]]["data_offsets"]
    return joined(header, numbers)


def without_tensors(data: bytes) -> bytes:
    header, _ = parts(data)
    return joined({name: value for name, value in header.items() if name == "__metadata__"}, b"")


LIES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda data: b"",
    "four bytes": lambda data: data[:4],
    "a cut header": lambda data: data[:60],
    "cut numbers": lambda data: data[:-1],
    "bytes at the end": lambda data: data + bytes(8),
    "a header longer than the file": lambda data: struct.pack("<Q", len(data)) + data[8:],
    "a header longer than any disk": lambda data: struct.pack("<Q", 2**63) + data[8:],
    "a header of no length": lambda data: struct.pack("<Q", 0) + data[8:],
    "no JSON": lambda data: joined("not json", b""),
    "brackets upon brackets": lambda data: joined("[" * 50_000, b""),
    "a list": lambda data: joined("[]", b""),
    "no tensors": without_tensors,
    "tensors that overlap": overlapping,
    "offsets beyond the end": lie(data_offsets=[0, 10**12]),
    "offsets that run back": lie(data_offsets=[40, 0]),
    "offsets below zero": lie(data_offsets=[-8, 0]),
    "another shape": lie(shape=[1]),
    "a shape beyond numbers": lie(shape=[2**40, 2**40]),
    "a shape below zero": lie(shape=[-1, 5]),
    "an unknown type": lie(dtype="Q4"),
    "another type": lie(dtype="F64"),
    "a pickle": lambda data: pickle.dumps({"encoder": [1.0]}),
}

WRONG_CONFIGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another version": lambda plain: plain | {"schema": 99},
    "no version": lambda plain: {name: value for name, value in plain.items() if name != "schema"},
    "more dimensions than memory": lambda plain: plain | {"d": 10**15},
    "more latents than memory": lambda plain: plain | {"sae": plain["sae"] | {"width": 10**15}},
    "words for numbers": lambda plain: plain | {"d": "five"},
    "an unknown recipe": lambda plain: plain | {"sae": plain["sae"] | {"recipe": "os.system"}},
    "an unknown setting": lambda plain: plain | {"sae": plain["sae"] | {"hook": "x"}},
    "a list": lambda plain: [plain],
    "nothing": lambda plain: None,
}

OTHER_RUNS: dict[str, Callable[[dict[str, torch.Tensor], dict[str, Any]], None]] = {
    "another key": lambda tensors, facts: facts.update(key="0" * 64),
    "no step": lambda tensors, facts: facts.pop("step"),
    "no history": lambda tensors, facts: facts.pop("history"),
    "no order of rows": lambda tensors, facts: tensors.pop("order"),
    "no random state": lambda tensors, facts: tensors.pop("rng"),
    "another random state": lambda tensors, facts: tensors.update(rng=torch.zeros(3, dtype=torch.uint8)),
    "no moments": lambda tensors, facts: tensors.pop("adam.encoder.exp_avg"),
    "weights by other names": lambda tensors, facts: tensors.update({"sae.W_enc": tensors.pop("sae.encoder")}),
    "weights of another shape": lambda tensors, facts: tensors.update({"sae.encoder": torch.zeros(2, 2)}),
}
"""What a checkpoint of another version may lack or have."""

MUTANTS = 100

TRIED = [
    Tried(
        "cut and lying safetensors files, by each of three readers",
        3 * len(LIES),
        "one line; the right file then works",
    ),
    Tried("cut and lying weights of an open_clip model", len(LIES), "one line"),
    Tried(
        "configs of a dictionary that are wrong or of another version",
        len(WRONG_CONFIGS) + 1,
        "one line; no memory taken",
    ),
    Tried("checkpoints of another version", len(OTHER_RUNS), "one line; the file stays"),
    Tried("safetensors files with bytes overwritten", MUTANTS, "a dictionary with finite weights, or one line"),
]


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("kind", LOADERS)
def test_a_lying_file_is_told_and_the_right_one_works_after(tmp_path: Path, kind: str, name: str) -> None:
    path, load = LOADERS[kind](tmp_path)
    whole = path.read_bytes()
    path.write_bytes(LIES[name](whole))
    before = listing(tmp_path)
    with one_line(str(tmp_path)):
        load()
    assert listing(tmp_path) == before
    path.write_bytes(whole)
    load()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An open_clip model that loads."""
    folder = save_model(tmp_path_factory.mktemp("models") / "tiny", random_weights())
    load_clip(folder)
    return folder


@pytest.mark.parametrize("name", LIES)
def test_a_lying_model_is_told(tmp_path: Path, model: Path, name: str) -> None:
    (tmp_path / clip.CONFIG).write_bytes((model / clip.CONFIG).read_bytes())
    (tmp_path / clip.WEIGHTS).write_bytes(LIES[name]((model / clip.WEIGHTS).read_bytes()))
    with one_line(str(tmp_path)):
        load_clip(tmp_path)


def test_a_cut_judge_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(judges.SCENES_JUDGE.read_bytes()[:-1])
    monkeypatch.setattr(judges, "SCENES_JUDGE", tmp_path / "model.safetensors")
    with one_line("model.safetensors", "restore it from the repository"):
        judges.JudgeEncoder()


@pytest.mark.parametrize("name", WRONG_CONFIGS)
def test_a_wrong_config_is_told(tmp_path: Path, name: str) -> None:
    _, load = a_dictionary(tmp_path)
    path = tmp_path / storage.CONFIG
    whole = path.read_text()
    path.write_text(json.dumps(WRONG_CONFIGS[name](json.loads(whole))))
    with one_line():
        load()
    path.write_text("[" * 100_000)
    with one_line(storage.CONFIG):
        load()
    path.write_text(whole)
    load()


@pytest.mark.parametrize("name", OTHER_RUNS)
def test_a_checkpoint_of_another_version_is_told(tmp_path: Path, name: str) -> None:
    path, load = a_checkpoint(tmp_path)
    tensors, found = load_file(path), load_checkpoint(tmp_path, run().key)
    assert found is not None
    OTHER_RUNS[name](tensors, found[1])
    save_file(tensors, path, {"facts": json.dumps(found[1])})
    before = listing(tmp_path)
    with one_line(
        f"the checkpoint in {tmp_path}", "train again" if name != "another key" else "belongs to another run"
    ):
        load()
    assert listing(tmp_path) == before


@settings(max_examples=MUTANTS)
@given(changes=st.lists(st.tuples(st.integers(0, 500), st.binary(min_size=1, max_size=4)), min_size=1, max_size=3))
def test_mutants_load_or_are_told(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]]) -> None:
    folder = tmp_path_factory.mktemp("sae")
    path, load = a_dictionary(folder)
    data = bytearray(path.read_bytes())
    for at, junk in changes:
        data[at : at + len(junk)] = junk
    path.write_bytes(bytes(data))
    try:
        sae: Any = load()
        assert all(bool(tensor.isfinite().all()) for tensor in sae.state_dict().values())
    except CompanionError as error:
        assert "\n" not in str(error) and str(folder) in str(error)
