"""A fresh clone without a network and without the reader's own data runs every notebook of the default profile."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from lib.base.cells import read_cells
from lib.base.places import NOTEBOOKS, notebook_number
from lib.run.doctor import doctor
from lib.run.parameters import read_parameters
from lib.worlds.open_world import open_world
from lib.worlds.profiles import load_profile

DEFAULT = load_profile("scenes")


@pytest.fixture
def fresh(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, no COMPANION_DATA, and no way to the network."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("this test has no network")

    monkeypatch.delenv("COMPANION_DATA", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_no_notebook_of_the_default_profile_lacks_anything(fresh: None) -> None:
    lines = list(doctor("scenes"))
    start = next(place for place, line in enumerate(lines) if line.startswith("notebooks of profile scenes"))
    assert [line.partition(" (at least")[0] for line in lines[start + 1 :]] == [
        f"  {number}  can run" for number in DEFAULT.notebooks
    ]


def test_every_notebook_is_in_the_default_profile_and_opens_the_profile_that_it_runs_in_there() -> None:
    paths = {notebook_number(path): path for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")}
    assert sorted(paths) == sorted(DEFAULT.notebooks)
    for number, path in paths.items():
        parameter = read_parameters(read_cells(path), path.stem)["profile"]
        assert parameter.default == DEFAULT.own_profile.get(number, "scenes"), path.stem


@pytest.mark.parametrize("name", sorted({"scenes", *DEFAULT.own_profile.values()}))
def test_the_worlds_of_the_default_profile_give_embeddings(name: str, fresh: None) -> None:
    small = ["splits.train=6", "splits.dev=3", "splits.test=4"]
    world = open_world(load_profile(name, small))
    assert [len(world.embeddings(split)) for split in ("train", "dev", "test")] == [6, 3, 4]
    assert name == "atoms" or world.judges("test")  # known atoms need no judge


def test_what_notebook_05_asks_of_its_world_is_there(fresh: None) -> None:
    world = open_world(load_profile(DEFAULT.own_profile["05"]))
    classes, numbers = world.classes("test")
    assert set(classes.ids) <= set(world.labels().names) and len(numbers) == world.size("test")
