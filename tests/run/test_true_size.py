"""All notebooks of the profiles of published CLIP models, with a ViT-B/32 of true size and random weights.

It takes an hour of a small machine and runs on request: `COMPANION_TRUE_SIZE=1 pytest -s tests/run/test_true_size.py`.
What each notebook took is printed next to the estimate of a dry run.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lib.encoders.clip import CONFIG, WEIGHTS
from lib.encoders.shim import ensure_torchvision
from lib.run.batch import plan
from lib.run.estimate import estimate
from lib.worlds.profiles import load_profile, profile_text
from tests.run.notebook_cells import run_notebook

ensure_torchvision()

import open_clip  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.data,
    pytest.mark.skipif(not os.environ.get("COMPANION_TRUE_SIZE"), reason="an hour; COMPANION_TRUE_SIZE=1 asks for it"),
]

PROFILES = ("clip-small", "paper-1", "paper-2", "paper-3", "paper-4")
NOTEBOOKS = sorted({number for name in PROFILES for number in load_profile(name).notebooks})
SPLITS = ("splits.train=1200", "splits.dev=100", "splits.test=400", "seeds=[0]", "device=cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ViT-B/32 of random weights."""
    folder = tmp_path_factory.mktemp("models") / "random-vit-b-32"
    folder.mkdir()
    torch.manual_seed(0)
    made = open_clip.create_model("ViT-B-32")
    plain = {"model_cfg": open_clip.get_model_config("ViT-B-32"), "preprocess_cfg": made.visual.preprocess_cfg}
    (folder / CONFIG).write_text(json.dumps(plain))
    save_file({name: tensor.contiguous() for name, tensor in made.state_dict().items()}, folder / WEIGHTS)
    return folder


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache and results that all notebooks share, so that nothing is embedded twice."""
    return tmp_path_factory.mktemp("places")


@pytest.mark.parametrize("number", NOTEBOOKS)
def test_a_notebook_of_published_clip_models_ends(
    number: str, model: Path, places: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cache", "results"):
        monkeypatch.setenv(f"COMPANION_{name.upper()}", str(places / name))
    overrides = [*SPLITS, f"encoder={model}"]
    profile = load_profile("clip-small", overrides)
    print(*estimate(profile, plan(load_profile("clip-small"), [number], overrides=overrides)), sep="\n")
    began = time.perf_counter()
    run_notebook(number, profile_text("clip-small", overrides))
    print(f"notebook {number} took {time.perf_counter() - began:.0f} s, with what earlier ones left in the cache")
