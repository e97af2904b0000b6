"""Paper 2: the tasks of zero-shot classification, on rendered scenes and on labelled sets of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.base.errors import NotAvailable
from lib.data.scenes.scene_grammar import FACTORS, SILENT, VALUES
from lib.encoders.class_texts import class_texts
from lib.encoders.embeddings import Embeddings
from lib.metrics.zero_shot import zero_shot
from lib.worlds.session import Session

CEILING = 0.96
"""Accuracy of the model alone on dev pictures from which on a task has too little to gain."""


@dataclass(frozen=True)
class Pictures:
    """The n pictures of a split, of which a task asks about some."""

    rows: Embeddings
    """Embeddings of all n pictures."""
    known: np.ndarray
    """bool (n,): whether the task asks about the picture."""
    labels: np.ndarray
    """(n,) the right class; any number where the task does not ask."""
    active: np.ndarray
    """(n,) how many latents are active in codes that have one for every true value of a picture."""


@dataclass(frozen=True)
class Task:
    """The task to say which class a picture has."""

    classes: Embeddings
    """Text embeddings of the classes, of unit norm."""
    dev: Pictures
    """The pictures on which weights are chosen."""
    test: Pictures
    """The pictures of the result."""


@dataclass(frozen=True)
class Factor:
    """A factor of rendered scenes, whose values are classes."""

    name: str
    """A factor of `scene_grammar`."""
    templates: tuple[str, ...]
    """The prompts, whose embeddings are averaged, as CLIP does."""
    split: str = "test"
    """The pictures of the result."""


_THING = ("an object {}", "a thing {}")

SCENE_TASKS: dict[str, Factor] = {
    "kind, new combinations": Factor("kind", ("a {}", "a picture of a {}", "there is a {}"), "novel"),
    "texture": Factor("texture", ("a {} object", "a picture of a {} object", "there is a {} thing")),
    "turn": Factor("turn", _THING),
    "across": Factor("across", _THING),
    "down": Factor("down", _THING),
    "second kind": Factor(
        "other kind", ("an object with a {}", "an object next to a {}", "a thing together with a {}")
    ),
    "second colour": Factor("other colour", ("an object with a {} object", "an object next to a {} thing")),
    "count": Factor("count", ("{} objects in all", "a picture of {} objects in all")),
}
"""Tasks that leave something to gain: below CEILING, and no value that most pictures have (as *medium* in size).
Colours and patterns of the ground, and kind and colour of the main object in combinations seen in training, are solved.
"""


def zero_shot_tasks(session: Session) -> dict[str, Task]:
    """Make the tasks of a world by name: SCENE_TASKS of rendered scenes, or one task for each set of labelled pictures.

    Raises `NotAvailable` for other worlds, before anything is trained.
    """
    if session.world.labelled_sets:
        return _set_tasks(session)
    return {name: _factor_task(session, factor) for name, factor in SCENE_TASKS.items()}


def _factor_task(session: Session, factor: Factor) -> Task:
    """Make the task whose classes are the values of a factor: one row per value, the mean over its templates."""
    split = {name: _scenes(session, factor, name) for name in ("dev", factor.split)}
    names = VALUES[FACTORS.index(factor.name)]
    rows = class_texts(session.world.encoder, names, factor.templates)
    classes = Embeddings(np.array(names), None, rows, "classes", True, {"classes": factor.name})
    return Task(classes, split["dev"], split[factor.split])


def _scenes(session: Session, factor: Factor, split: str) -> Pictures:
    truth = session.world.scene_truth(split).scenes
    labels = truth[:, FACTORS.index(factor.name)].astype(np.int64)
    return Pictures(session.world.embeddings(split), labels != SILENT, labels, (truth != SILENT).sum(axis=1))


def _set_tasks(session: Session) -> dict[str, Task]:
    """Make one task per labelled set, without the sets that the model alone solves on dev pictures."""
    tasks = {name: _set_task(session, name) for name in session.world.labelled_sets}
    found = {name: task for name, task in tasks.items() if task.test.known.any() and accuracy(task) < CEILING}
    if not found:
        raise NotAvailable(f"the model alone solves every labelled set of world {session.world.name}; nothing to gain")
    return found


def _set_task(session: Session, name: str) -> Task:
    """Make the task whose classes are those labels that pictures of a set have in any split."""
    world = session.world
    of_set = {split: world.sets(split) == name for split in ("train", "dev", "test")}
    numbers = {split: world.classes(split)[1] for split in of_set}
    used = np.unique(np.concatenate([numbers[split][rows] for split, rows in of_set.items()]))
    prompts = world.classes("test")[0].unit()
    classes = Embeddings(prompts.ids[used], None, prompts.tower("text")[used], "classes", True, {"classes": name})

    def pictures(split: str) -> Pictures:
        labels = np.minimum(np.searchsorted(used, numbers[split]), len(used) - 1)
        return Pictures(world.embeddings(split), of_set[split], labels, np.ones(len(labels), np.int64))

    return Task(classes, pictures("dev"), pictures("test"))


def accuracy(task: Task) -> float:
    """Compute the accuracy of the model alone on dev pictures; 1 where there are none."""
    dev = task.dev
    if not dev.known.any():
        return 1.0
    image = dev.rows.tower("image")[dev.known]
    return zero_shot(image, task.classes.tower("text"), dev.labels[dev.known]).accuracy
