"""One training by several processes that torchrun started: each takes a part of every batch, and all share one state.

The parts are equal and the gradients averaged, so a step is that of the whole batch, up to the order of float32 sums.
A recipe or a trainer that looks beyond single rows calls a function of this module. In a single process these functions
return their argument, so a reader who trains in one process may ignore them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lib.base.errors import CompanionError
from lib.sae.base import Step


def launched() -> bool:
    """True if torchrun started this process."""
    return dist.is_torchelastic_launched()


@contextmanager
def together(device: str) -> Iterator[None]:
    """Let the processes that torchrun started train together within the block, over gloo, or over NCCL with a GPU each.

    A nested block changes nothing. A process joins only once, since a second group would meet the first one's
    addresses.
    """
    if not launched() or dist.is_initialized():
        yield
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    if not first():
        os.environ["COMPANION_QUIET"] = "1"
    yield
    with suppress(RuntimeError):  # gloo fails in a process that still waits when another one leaves
        dist.barrier()
    dist.destroy_process_group()


def size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def first() -> bool:
    """True for the process that writes and prints."""
    return size() == 1 or dist.get_rank() == 0


def broadcast_flag(flag: bool = False) -> bool:
    """Return the flag of the first process; the others wait until it arrives, and their own argument is ignored."""
    return bool(_exchange(dist.broadcast, torch.tensor(int(flag)), 0))


def is_minimum(number: int) -> bool:
    """True if this process's number equals the smallest over all processes."""
    return int(_exchange(dist.all_reduce, torch.tensor(number), dist.ReduceOp.MIN)) == number


def take_part(rows: Tensor) -> Tensor:
    """Return this process's part of the rows of a batch."""
    return rows if size() == 1 else rows.chunk(size())[dist.get_rank()]


def gather_rows(rows: Tensor) -> Tensor:
    """Gather the rows of all processes' parts, in order."""
    if size() == 1:
        return rows
    parts = [torch.empty_like(rows) for _ in range(size())]
    _exchange(lambda mine: dist.all_gather(parts, mine), rows.contiguous())
    return torch.cat(parts)


def batch_mean(values: Tensor) -> Tensor:
    """Mean (...) over the rows (n, ...) of the whole batch; its gradient is that of this part's mean."""
    mean = values.mean(dim=0)
    if size() == 1:
        return mean
    return mean + (_exchange(dist.all_reduce, mean.detach().clone()) / size() - mean.detach())


def merge_step(sae: nn.Module, out: Step) -> Step:
    """Return the step of the whole batch, except that the reconstruction is still that of this part.

    The gradients of the whole batch replace those of the parameters.
    """
    if size() == 1:
        return out
    for parameter in sae.parameters():
        if parameter.grad is not None:
            _exchange(dist.all_reduce, parameter.grad).div_(size())
    return out._replace(
        loss=_exchange(dist.all_reduce, out.loss.detach().clone()) / size(),
        fired=_exchange(dist.all_reduce, out.fired.clone()),
        smallest=None if out.smallest is None else _exchange(dist.all_reduce, out.smallest.clone(), dist.ReduceOp.MIN),
    )


def _exchange(operation: Callable[..., Any], tensor: Tensor, *how: Any) -> Tensor:
    """Apply an operation of `torch.distributed` in place, if there are other processes."""
    if size() == 1:
        return tensor
    if dist.get_backend() == "nccl":
        tensor = tensor.cuda()
    try:
        operation(tensor, *how)
    except RuntimeError as error:
        line = str(error).strip().splitlines()[0]
        raise CompanionError(
            f"another process of this training has ended ({line}); start it again, and it continues from its checkpoint"
        ) from None
    return tensor
