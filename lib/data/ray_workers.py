"""Tasks on a Ray cluster: actors that hold the function; when one dies, its task is begun again by another."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from lib.data.errors import CompanionError, NotAvailable
from lib.data.files import cache_root

T = TypeVar("T")
R = TypeVar("R")

TRIES = 3
"""How often a task is begun: on the death of its worker, another one gets it."""

FOLDERS = ("COMPANION_DATA", "COMPANION_RESULTS")

log = logging.getLogger(__name__)


class Worker:
    """An actor. It takes over the environment first, and only then what may load torch: the function, by reference."""

    def __init__(self, environment: dict[str, str], function: list[Any]) -> None:
        import ray

        os.environ.update(environment)
        self.function = ray.get(function[0])

    def do(self, task: Any) -> Any:
        """One task."""
        return self.function(task)


def on_ray(
    address: str, function: Callable[[T], R], tasks: Sequence[T], gpu: bool, lost: Callable[[T], R]
) -> Iterator[tuple[T, R]]:
    """`Workers.each` on the cluster at an address: as many actors as there is room for, one task at a time each.

    An actor takes OMP_NUM_THREADS processors (one if it is not set) and uses as many threads. The task of one that died
    goes to a new one, which starts where there is room: at the latest when another one has nothing more to do.
    """
    ray = _connect(address)
    threads = int(os.environ.get("OMP_NUM_THREADS") or 1)
    room = min(_room(ray, address, {"CPU": threads, "GPU": int(gpu)}), len(tasks))
    kind = ray.remote(num_cpus=threads, num_gpus=int(gpu))(Worker)
    held = ray.put(function)
    begun = [0] * len(tasks)
    running: dict[Any, tuple[Any, int]] = {}

    def begin(number: int, actor: Any = None) -> None:
        actor = actor or kind.remote(_environment(threads), [held])
        begun[number] += 1
        running[actor.do.remote(tasks[number])] = actor, number

    waiting = iter(range(len(tasks)))
    for number in islice(waiting, room):
        begin(number)
    try:
        while running:
            (ended,), _ = ray.wait(list(running))
            actor, number = running.pop(ended)
            try:
                result = _result(ray, ended)
            except ray.exceptions.RayActorError as error:
                ray.kill(actor)
                if begun[number] < TRIES:
                    begin(number)
                    continue
                log.warning("%s: %s", tasks[number], error)
                actor, result = None, lost(tasks[number])
            following = next(waiting, None)
            if following is not None:
                begin(following, actor)
            elif actor is not None:
                ray.kill(actor)
            yield tasks[number], result
    finally:
        for actor, _ in running.values():
            ray.kill(actor)


def _result(ray: Any, ended: Any) -> Any:
    try:
        return ray.get(ended)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, CompanionError):
            raise error.cause from None
        raise


def _connect(address: str) -> Any:
    """Ray, connected until this process ends."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise NotAvailable("Ray is not installed; pip install -e '.[cluster]'") from None
    if not ray.is_initialized():
        try:
            ray.init(address, logging_level=logging.ERROR, log_to_driver=False)
        except Exception as error:  # a node that starts too slowly is a bare one
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CompanionError(f"no Ray cluster at {address} ({reason}); start one with `ray start --head`") from None
    return ray


def _environment(threads: int) -> dict[str, str]:
    """What an actor takes over: folders, as absolute paths, and the number of threads, on which bytes may depend."""
    folders = {name: str(Path(value).expanduser().absolute()) for name in FOLDERS if (value := os.environ.get(name))}
    return {**folders, "COMPANION_CACHE": str(cache_root()), "COMPANION_QUIET": "1", "OMP_NUM_THREADS": str(threads)}


def _room(ray: Any, address: str, needs: dict[str, int]) -> int:
    """How many actors of such needs the nodes of the cluster can hold."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    room = sum(min(int(node.get(name, 0) // need) for name, need in needs.items() if need) for node in nodes)
    if room == 0:
        wanted = ", ".join(f"{name} {need}" for name, need in needs.items() if need)
        raise CompanionError(f"no node of the Ray cluster at {address} has {wanted}; CPU is OMP_NUM_THREADS, or 1")
    return room
