"""Tasks on a Ray cluster: actors that hold the function; if one dies, another begins its task again."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import cache_root

T = TypeVar("T")
R = TypeVar("R")

_TRIES = 3
"""The largest number of times that a task is begun; after the death of its actor, another one gets it."""

_FOLDERS = ("COMPANION_DATA", "COMPANION_RESULTS")
"""The environment variables with folders that actors need, next to the cache."""

log = logging.getLogger(__name__)


class Worker:
    """An actor that holds a function.

    It takes over the environment before it gets the function, by reference, because that may load torch.
    """

    def __init__(self, environment: dict[str, str], function: list[Any]) -> None:
        import ray

        os.environ.update(environment)
        self.function = ray.get(function[0])

    def do(self, task: Any) -> Any:
        """Return the result of one task."""
        return self.function(task)


def on_ray(
    address: str, function: Callable[[T], R], tasks: Sequence[T], gpu: bool, lost: Callable[[T], R]
) -> Iterator[tuple[T, R]]:
    """Do tasks as `Workers.each` does, by actors on the Ray cluster at an address, as many as there is room for.

    An actor does one task at a time. It takes OMP_NUM_THREADS processors (one if that is not set) and uses as many
    threads. If it dies, its task goes to a new actor, which starts where there is room: at the latest when another one
    has nothing more to do.
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
                if begun[number] < _TRIES:
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
    """Connect to a cluster until this process ends, and return the module `ray`."""
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
    """Return the variables that an actor takes over: absolute folders, and the number of threads.

    The bytes of a result may depend on the number of threads.
    """
    folders = {name: str(Path(value).expanduser().absolute()) for name in _FOLDERS if (value := os.environ.get(name))}
    return {**folders, "COMPANION_CACHE": str(cache_root()), "COMPANION_QUIET": "1", "OMP_NUM_THREADS": str(threads)}


def _room(ray: Any, address: str, needs: dict[str, int]) -> int:
    """Return how many actors with these needs the nodes of the cluster can hold."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    room = sum(min(int(node.get(name, 0) // need) for name, need in needs.items() if need) for node in nodes)
    if room == 0:
        wanted = ", ".join(f"{name} {need}" for name, need in needs.items() if need)
        raise CompanionError(f"no node of the Ray cluster at {address} has {wanted}; CPU is OMP_NUM_THREADS, or 1")
    return room
