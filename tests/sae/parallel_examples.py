"""The work of the processes of `test_parallel.py`: torchrun -m tests.sae.parallel_examples {recipes,killed} FOLDER."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from lib.apps.train_dictionaries import train_dictionaries
from lib.papers.common.dictionaries import Recipe
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.parallel import first, together
from lib.sae.recipes import recipes_of
from lib.sae.storage import save_sae
from lib.sae.training.train import TrainingRun, train, train_cached
from lib.worlds.profiles import load_profile
from tests.sae.reference import toy

STEPS = 100
CHECKPOINT, KILLED_AT = 20, 45


def config(recipe: str, **changes) -> TrainConfig:
    """Some latents are dead from the tenth step on, so that AuxK has its say."""
    base = {"sae": SAEConfig(recipe, 48, k=3), "steps": STEPS, "batch": 64, "dead_after": 128, "log_every": 25}
    return TrainConfig(**{**base, **changes})


def recipes(folder: Path) -> None:
    """Trains every recipe, from the cache the second time."""
    for recipe in recipes_of("one-tower"):
        for _ in range(2):
            trained = train_cached(config(recipe), toy())
        if first():
            (folder / recipe).mkdir()
            save_sae(trained.sae, folder / recipe)
            trained.history.to_json(folder / recipe / "history.json", double_precision=15)
        else:
            (folder / f"{recipe}-follower").mkdir()
            save_sae(trained.sae, folder / f"{recipe}-follower")


def command() -> None:
    """A sweep by the command's own code."""
    settings = ["splits.train=256", "splits.dev=8", "splits.test=64", "sae.steps=20", "sae.batch=64"]
    for line in train_dictionaries(load_profile("scenes", settings), [Recipe("topk", 4, 8)], [0, 1]):
        print(line)


def killed(folder: Path) -> None:
    """Trains with checkpoints; the second process kills itself on the way, once. Notes where each start began."""
    advance = TrainingRun.advance
    started = False

    def watched(run: TrainingRun):
        nonlocal started
        if first() and not started:
            with open(folder / "began at", "a") as stream:
                stream.write(f"{run.step} ")
        started = True
        if run.step == KILLED_AT and not first() and not (folder / "was killed").exists():
            (folder / "was killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return advance(run)

    TrainingRun.advance = watched  # type: ignore[method-assign]
    trained = train(config("batch_topk"), toy(), folder=folder, checkpoint_every=CHECKPOINT)
    if first():
        save_sae(trained.sae, folder)


if __name__ == "__main__":
    work = {"recipes": recipes, "killed": killed}[sys.argv[1]]
    with together("cpu"):
        work(Path(sys.argv[2]))
        if work is recipes:
            command()
