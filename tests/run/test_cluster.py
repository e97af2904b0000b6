"""A real Ray cluster on this machine: a node is killed in the middle, and what is made has the bytes of a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from socket import socket
from threading import Event
from typing import Any, TypeVar

import psutil
import pytest
import torch

from lib.apps.train_dictionaries import train_dictionaries
from lib.base.errors import CompanionError
from lib.base.workers import HERE, Workers
from lib.data.scenes import scenes
from lib.encoders.clip import load_clip
from lib.encoders.store import embed, embed_layers, shards_by
from lib.papers.common.dictionaries import Recipe
from lib.run.batch import run_tasks
from lib.run.runner import Task
from lib.worlds.profiles import load_profile
from tests.conftest import Write
from tests.run.cluster_examples import OPEN, GatedClip, GatedTrainer, fails, kills_its_worker, surroundings

ray = pytest.importorskip("ray", reason="Ray is not installed; `make cluster` installs it")
from ray.cluster_utils import Cluster  # noqa: E402

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

T = TypeVar("T")

NODES = 3
TRIES = 4
"""How often a node is started: Ray gives its agent 15 seconds to load, which a busy machine passes the first time."""
AGENTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")


def node() -> dict[str, int]:
    """Settings of a small node. With ports given, it waits for one agent only; they start slowly side by side."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket()) for _ in AGENTS]
        for one in sockets:
            one.bind(("", 0))
        ports = {name: one.getsockname()[1] for name, one in zip(AGENTS, sockets, strict=True)}
    return {"num_cpus": 1, "object_store_memory": 80 * 2**20, **ports}


def started(start: Callable[[], T]) -> T:
    """What starts a node, called again while the node is too slow."""
    for _ in range(TRIES - 1):
        with suppress(Exception):  # Ray raises a bare one
            return start()
    return start()


@pytest.fixture(scope="module")
def head() -> Iterator[Cluster]:
    """The first node, which is never killed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        fewer = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}  # processes that start
        cluster = started(lambda: Cluster(initialize_head=True, head_node_args={**node(), **fewer}))
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def cluster(head: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Three nodes of one processor each, and one thread here as there."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    while len(head.list_all_nodes()) < NODES:
        started(lambda: head.add_node(**node()))
    head.wait_for_nodes()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield head
    torch.set_num_threads(threads)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A closed gate."""
    folder = tmp_path / "gate"
    folder.mkdir()
    return folder


def with_a_node_killed(cluster: Cluster, gate: Path, work: Callable[[], Any]) -> Any:
    """What `work` gives when a node is killed while all are at a task of it."""

    ended = Event()

    def kill() -> None:
        while len(list(gate.iterdir())) < NODES:
            if ended.wait(0.05):  # the work failed, and its error is to be seen
                return
        node = next(iter(cluster.worker_nodes))
        workers = psutil.Process(node.all_processes["raylet"][0].process.pid).children(recursive=True)
        cluster.remove_node(node, allow_graceful=False)
        for worker in workers:  # on a busy machine they outlive their node, and could end the task
            with suppress(psutil.NoSuchProcess):
                worker.kill()
        (gate / OPEN).touch()

    with ThreadPoolExecutor(1) as killer:
        killing = killer.submit(kill)
        try:
            result = work()
        finally:
            ended.set()
        killing.result()
    assert len(cluster.list_all_nodes()) == NODES - 1
    return result


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but locks."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_embeddings_have_the_bytes_of_the_loop(
    cluster: Cluster, gate: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, clip = scenes("test", 300), load_clip("scenes-clip")
    gated = GatedClip(**{field.name: getattr(clip, field.name) for field in fields(clip)}, gate=gate)

    def everywhere() -> None:
        with shards_by(Workers(ray=cluster.address)):
            embed(pairs, gated, shard=32)

    with_a_node_killed(cluster, gate, everywhere)
    assert len(list(gate.iterdir())) == 1 + NODES + 1, "the killed node's shard was not begun again"
    spread = files(cache / "embeddings")
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "loop"))
    embed(pairs, clip, shard=32)
    assert spread == files(tmp_path / "loop" / "embeddings")
    assert {name.split("/")[1] for name in spread} == {"bad.json", "done.json", "ids.npy", "image.npy", "text.npy"}


def test_several_layers_have_the_bytes_of_the_loop(
    cluster: Cluster, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, clip = scenes("test", 100), load_clip("scenes-clip")
    with shards_by(Workers(ray=cluster.address)):
        embed_layers(pairs, clip, [0, 1], shard=32)
    spread = files(cache / "embeddings")
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "loop"))
    embed_layers(pairs, clip, [0, 1], shard=32)
    assert spread == files(tmp_path / "loop" / "embeddings") and len(spread) == 2 * 4


def test_a_sweep_has_the_bytes_of_the_loop(
    cluster: Cluster, gate: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The killed node's training goes on after its checkpoint."""
    settings = ["splits.train=256", "splits.dev=8", "splits.test=64", "sae.steps=60", "sae.batch=64"]
    sweep = [Recipe(name, 4, k, 0.1) for name in ("topk", "batch_topk") for k in (4, 8)], [0, 1]
    profile = load_profile("scenes", settings)
    monkeypatch.setattr("lib.apps.train_dictionaries.Trainer", partial(GatedTrainer, gate=gate))

    def told(workers: Workers) -> list[str]:
        return list(train_dictionaries(profile, *sweep, workers))

    lines = with_a_node_killed(cluster, gate, partial(told, Workers(ray=cluster.address)))
    assert len(list(gate.iterdir())) == 1 + NODES + 1, "the killed node's training was not begun again"
    spread = files(cache / "sae")
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "loop"))
    assert told(HERE) == lines and len(lines) == 8
    assert spread == files(tmp_path / "loop" / "sae") and len(spread) == 8 * 4


NOTEBOOK = """
import os, time
from pathlib import Path
import pandas as pd
import lib
session = lib.start({name!r}, profile, seeds)
session.table({name!r}, pd.DataFrame({{"value": [{value}, rate]}}), 3)
gate = Path({gate!r})
(gate / str(os.getpid())).touch()
while not (gate / {open!r}).exists():
    time.sleep(0.02)
"""


def test_notebooks_have_the_results_of_the_loop(
    cluster: Cluster, gate: Path, write: Write, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number}_x" for number in (10, 11, 12, 13, 90)]
    paths = [
        write(name, NOTEBOOK.format(name=name, value=number, gate=str(gate), open=OPEN))
        for number, name in enumerate(names)
    ]
    tasks = [Task(path, "scenes", {"rate": 0.25}) for path in paths]
    outcomes = with_a_node_killed(cluster, gate, partial(run_tasks, tasks, workers=Workers(ray=cluster.address)))
    assert {one.status for one in outcomes} == {"ran"}, outcomes
    assert outcomes[-1].notebook == "90_x" and {one.notebook for one in outcomes} == set(names)
    assert len(list(gate.iterdir())) == 1 + len(names) + 1, "the killed node's notebook was not begun again"
    spread = files(results)
    monkeypatch.setenv("COMPANION_RESULTS", str(tmp_path / "loop"))
    run_tasks(tasks)
    loop = files(tmp_path / "loop")
    assert spread.keys() == loop.keys() and len(loop) == 2 * len(names)
    tables = {name for name in loop if name.endswith(".csv")}  # executed notebooks say when they ran
    assert {name: spread[name] for name in tables} == {name: loop[name] for name in tables} and tables


def test_a_task_that_kills_every_worker_is_named_and_the_others_are_done(cluster: Cluster) -> None:
    workers = Workers(ray=cluster.address)
    assert dict(workers.each(kills_its_worker, range(4), lost=lambda task: -1)) == {0: 0, 1: -1, 2: 4, 3: 9}
    with pytest.raises(CompanionError, match=r"^1: its worker died"):
        list(workers.each(kills_its_worker, range(4)))


def test_the_error_of_a_task_is_raised_as_it_is(cluster: Cluster) -> None:
    with pytest.raises(CompanionError, match=r"^[012] is too few$") as error:
        list(Workers(ray=cluster.address).each(fails, range(3)))
    assert type(error.value) is CompanionError


def test_workers_take_over_folders_and_threads(cluster: Cluster, cache: Path, results: Path) -> None:
    ((_, found),) = Workers(ray=cluster.address).each(surroundings, [0])
    wanted = {"COMPANION_CACHE": str(cache), "COMPANION_RESULTS": str(results), "COMPANION_QUIET": "1"}
    assert found == {**wanted, "OMP_NUM_THREADS": "1", "threads": "1"}


def test_a_worker_that_no_node_has_room_for_is_told(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CompanionError, match=r"no node of the Ray cluster at .* has CPU 1, GPU 1; CPU is OMP"):
        list(Workers(ray=cluster.address).each(abs, [1], gpu=True))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with pytest.raises(CompanionError, match="has CPU 2; CPU is OMP_NUM_THREADS, or 1"):
        list(Workers(ray=cluster.address).each(abs, [1]))


@pytest.mark.parametrize("error", [ConnectionError("none\nMore words."), Exception("none\nMore words.")])
def test_no_cluster_is_told(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(CompanionError, match=r"^no Ray cluster at auto \(none\); start one with .*$"):
        list(Workers(ray="auto").each(abs, [1]))
