"""The rows that a training reads, batch by batch: all in memory, or for a larger store one buffer of its blocks at a
time.

A store of at most BUFFER bytes is one buffer, and an epoch is one random order of all rows. A larger one is cut into
BLOCKS blocks of neighbouring rows for each buffer that it fills. In an epoch the blocks come in a random order; BLOCKS
of them at a time are read into memory, and batches are drawn from there without replacement. Rows that do not fill a
batch at the end of a buffer are left out until the next epoch. So memory holds one buffer, whatever the number of
rows, and a batch mixes rows from hundreds of places of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lib.base.errors import CompanionError
from lib.encoders.embeddings import Embeddings, Tower
from lib.sae.base import as_tensor
from lib.sae.parallel import take_part

BUFFER = 2**30
"""Largest number of bytes of training rows in memory."""

BLOCKS = 256
"""Number of blocks in a buffer of a store that fills more than one."""

FEW = 2**17
"""Number of random rows that represent a larger store where otherwise all rows would have to be in memory."""

Towers = Tower | tuple[Tower, ...]
"""The input of a dictionary: one tower, or the members of a pair together."""


AsRows = Callable[[np.ndarray], np.ndarray]
"""The type of `Dictionary.as_rows`: it views a batch as the rows that a kind of dictionary measures and counts."""


def training_rows(embeddings: Embeddings, tower: Towers) -> np.ndarray:
    """Return the (n, d) matrix of a tower, or all members of each pair, (n, members, d)."""
    return _together(_members(embeddings, tower), tower)


def buffer_count(embeddings: Embeddings, tower: Towers) -> int:
    """Return the number of buffers that the rows fill."""
    return max(1, -(-sum(member.nbytes for member in _members(embeddings, tower)) // BUFFER))


def reading_key(embeddings: Embeddings, tower: Towers) -> dict[str, Any]:
    """Return what decides the order of rows besides the seed, for the key of a run; nothing if all rows fit into
    memory.
    """
    count = buffer_count(embeddings, tower)
    return {"buffers": count, "blocks": BLOCKS} if count > 1 else {}


class Rows:
    """The rows of a training, and the order in which it reads them.

    A run keeps the order in its checkpoint as a tensor: that of the blocks in this epoch, if there is more than one
    buffer, followed by that of the rows in this buffer. Everything else follows from the number of steps made.
    """

    def __init__(self, embeddings: Embeddings, tower: Towers, device: str = "cpu") -> None:
        """device: where the batches and the order are stored."""
        self.device, self.n = device, len(embeddings)
        self.buffers = buffer_count(embeddings, tower)
        self.blocks = BLOCKS * self.buffers if self.buffers > 1 else 0
        self.whole = training_rows(embeddings, tower) if self.buffers == 1 else None
        """The rows, (n, d) or (n, members, d), if all are in memory."""
        self._members, self._tower = _members(embeddings, tower), tower
        self._bounds = np.linspace(0, self.n, self.blocks + 1).astype(np.int64)
        self._held = None if self.whole is None else as_tensor(self.whole).to(device)
        self._held_order: Tensor | None = None

    @property
    def smallest_buffer(self) -> int:
        """Smallest number of rows in a buffer; a batch cannot be larger."""
        return self.n if self.buffers == 1 else BLOCKS * (self.n // self.blocks)

    def first_order(self) -> Tensor:
        """Return an order of the right shape, before a run has drawn one."""
        return torch.arange(self.n if self.buffers == 1 else self.blocks, device=self.device)

    def next_order(self, order: Tensor, step: int, batch: int, generator: torch.Generator) -> Tensor:
        """Return the order for a step: drawn again where a buffer begins; at the start of an epoch, that of the blocks,
        too.
        """
        buffer, place = self._place(step, batch)
        if place > 0:
            return order
        blocks = order[: self.blocks]
        if self.blocks and buffer == 0:
            blocks = torch.randperm(self.blocks, generator=generator).to(self.device)
        rows = torch.randperm(self._length(self._blocks_of(blocks, buffer)), generator=generator).to(self.device)
        return torch.cat([blocks, rows]) if self.blocks else rows

    def batch(self, order: Tensor, step: int, batch: int) -> Tensor:
        """Return copies of a step's rows, or of this process's part of them: (batch, d) or (batch, members, d)."""
        buffer, place = self._place(step, batch)
        start = self.blocks + place * batch
        return self._buffer(order, buffer).index_select(0, take_part(order[start : start + batch]))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw `count` rows at random, or all if there are fewer; from more than one buffer, with replacement."""
        if self.whole is not None:
            return as_tensor(self.whole)[torch.randperm(self.n, generator=generator)[:count]]
        return as_tensor(self._read(torch.randint(self.n, (count,), generator=generator).numpy()))

    @property
    def d(self) -> int:
        """Number of dimensions of a row."""
        return self._members[0].shape[1]

    def counted(self, as_rows: AsRows) -> int:
        """Return the number of rows that a dictionary counts for each entry of a batch."""
        return len(as_rows(self._read(slice(0, 1))))

    def root_mean_square_norm(self, as_rows: AsRows, batch: int = 65_536) -> float:
        """Compute sqrt(mean over rows of |x|^2), for rows as a dictionary counts them: summed over dimensions, not
        averaged.

        After division by it, a row has squared norm 1 on average (Pach et al. 2025, code; there estimated on 101
        batches, here on all rows). The sums are float64.
        """
        total, rows = 0.0, 0
        for matrix in map(as_rows, self._parts()):
            parts = (matrix[start : start + batch] for start in range(0, len(matrix), batch))
            total += sum(float(np.square(part, dtype=np.float64).sum()) for part in parts)
            rows += len(matrix)
        if total == 0:
            raise CompanionError(
                "all embeddings are zero (or there are none); a dictionary has nothing to learn from them"
            )
        return float(np.sqrt(total / rows))

    def _parts(self) -> Iterator[np.ndarray]:
        """Yield all rows, in the order of the store."""
        if self.whole is not None:
            yield self.whole
            return
        for start, stop in zip(self._bounds[:-1], self._bounds[1:], strict=True):
            yield self._read(slice(start, stop))

    def _place(self, step: int, batch: int) -> tuple[int, int]:
        """Return the buffer of the epoch, and the batch of the buffer, that a step reads."""
        batches = self.smallest_buffer // batch
        return step // batches % self.buffers, step % batches

    def _blocks_of(self, blocks: Tensor, buffer: int) -> list[int]:
        return blocks[buffer * BLOCKS : (buffer + 1) * BLOCKS].tolist()

    def _length(self, blocks: list[int]) -> int:
        return self.n if self.buffers == 1 else int(np.diff(self._bounds)[blocks].sum())

    def _buffer(self, order: Tensor, buffer: int) -> Tensor:
        """Return the rows of a buffer, which are read if the order is new."""
        if self._held is None or (self.whole is None and order is not self._held_order):
            self._held = None  # before the next one is read
            blocks = self._blocks_of(order[: self.blocks], buffer)
            parts = (self._read(slice(self._bounds[block], self._bounds[block + 1])) for block in blocks)
            self._held, self._held_order = self._filled(parts, self._length(blocks)), order
        return self._held

    def _filled(self, parts: Iterator[np.ndarray], length: int) -> Tensor:
        """Fill a tensor with the rows of all parts, one after the other."""
        held, place = None, 0
        for part in parts:
            if held is None:
                held = torch.empty((length, *part.shape[1:]), device=self.device)
            held[place : place + len(part)] = as_tensor(part)
            place += len(part)
        assert held is not None and place == length
        return held

    def _read(self, rows: slice | np.ndarray) -> np.ndarray:
        return _together([member[rows] for member in self._members], self._tower)


def _members(embeddings: Embeddings, tower: Towers) -> list[np.ndarray]:
    """Return the matrix of each tower, (n, d), all with the same dimension."""
    names = tower if isinstance(tower, tuple) else (tower,)
    members = [embeddings.tower(name) for name in names]
    if len({member.shape[1] for member in members}) > 1:
        shapes = ", ".join(f"{name} {member.shape[1]}" for name, member in zip(names, members, strict=True))
        raise CompanionError(f"{embeddings.encoder}: a dictionary of pairs needs one dimension, not {shapes}")
    return members


def _together(members: list[np.ndarray], tower: Towers) -> np.ndarray:
    return np.stack(members, axis=1) if isinstance(tower, tuple) else members[0]
