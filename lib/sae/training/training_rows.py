"""The rows that a training reads, batch by batch: all in memory, or of a larger store a buffer of its blocks at a time.

A store of at most BUFFER bytes is one buffer, and an epoch is one random order of all rows. A larger one is cut into
BLOCKS blocks of neighbouring rows for each buffer that it fills. In an epoch the blocks come in a random order; so many
at a time are read one after the other into memory, and batches are drawn from there without replacement. What does not
fill a batch at the end of a buffer is left out until the next epoch. So memory holds one buffer, whatever the number of
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
"""Bytes of training rows in memory at most."""

BLOCKS = 256
"""Blocks in a buffer of a store that fills more than one."""

FEW = 2**17
"""Rows, drawn at random, that stand for those of a larger store where all would have to be in memory."""

Towers = Tower | tuple[Tower, ...]
"""What a dictionary reads: one tower, or the members of a pair together."""


AsRows = Callable[[np.ndarray], np.ndarray]
"""`Dictionary.as_rows`: entries of a batch as the rows that a kind of dictionary measures and counts."""


def training_rows(embeddings: Embeddings, tower: Towers) -> np.ndarray:
    """The (n, d) matrix of a tower, or all members of each pair, (n, members, d)."""
    return _together(_members(embeddings, tower), tower)


def buffer_count(embeddings: Embeddings, tower: Towers) -> int:
    """The number of buffers that the rows fill."""
    return max(1, -(-sum(member.nbytes for member in _members(embeddings, tower)) // BUFFER))


def reading_key(embeddings: Embeddings, tower: Towers) -> dict[str, Any]:
    """What decides the order of rows beside the seed, for the key of a run; nothing where all are in memory."""
    count = buffer_count(embeddings, tower)
    return {"buffers": count, "blocks": BLOCKS} if count > 1 else {}


class Rows:
    """The rows of a training, and the order in which it reads them.

    The order is a tensor that a run keeps in its checkpoint: that of the blocks in this epoch, unless there is one
    buffer only, and after it that of the rows in this buffer. All else follows from the number of steps made.
    """

    def __init__(self, embeddings: Embeddings, tower: Towers, device: str = "cpu") -> None:
        """device: where the batches and the order are."""
        self.device, self.n = device, len(embeddings)
        self.buffers = buffer_count(embeddings, tower)
        self.blocks = BLOCKS * self.buffers if self.buffers > 1 else 0
        self.whole = training_rows(embeddings, tower) if self.buffers == 1 else None
        """(n, d) or (n, members, d), where all rows are in memory."""
        self._members, self._tower = _members(embeddings, tower), tower
        self._bounds = np.linspace(0, self.n, self.blocks + 1).astype(np.int64)
        self._held = None if self.whole is None else as_tensor(self.whole).to(device)
        self._held_order: Tensor | None = None

    @property
    def smallest_buffer(self) -> int:
        """Rows of a buffer at least; a batch cannot be larger."""
        return self.n if self.buffers == 1 else BLOCKS * (self.n // self.blocks)

    def first_order(self) -> Tensor:
        """An order of the right shape, before a run has drawn one."""
        return torch.arange(self.n if self.buffers == 1 else self.blocks, device=self.device)

    def next_order(self, order: Tensor, step: int, batch: int, generator: torch.Generator) -> Tensor:
        """The order that a step reads by: drawn anew where a buffer begins, with that of the blocks at an epoch's."""
        buffer, place = self._place(step, batch)
        if place > 0:
            return order
        blocks = order[: self.blocks]
        if self.blocks and buffer == 0:
            blocks = torch.randperm(self.blocks, generator=generator).to(self.device)
        rows = torch.randperm(self._length(self._blocks_of(blocks, buffer)), generator=generator).to(self.device)
        return torch.cat([blocks, rows]) if self.blocks else rows

    def batch(self, order: Tensor, step: int, batch: int) -> Tensor:
        """The rows of a step, or this process's part of them: copies (batch, d) or (batch, members, d)."""
        buffer, place = self._place(step, batch)
        start = self.blocks + place * batch
        return self._buffer(order, buffer).index_select(0, take_part(order[start : start + batch]))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """So many rows drawn at random, or all if there are fewer; from more than one buffer, with replacement."""
        if self.whole is not None:
            return as_tensor(self.whole)[torch.randperm(self.n, generator=generator)[:count]]
        return as_tensor(self._read(torch.randint(self.n, (count,), generator=generator).numpy()))

    @property
    def d(self) -> int:
        """Dimensions of a row."""
        return self._members[0].shape[1]

    def counted(self, as_rows: AsRows) -> int:
        """The number of rows that a dictionary counts for each entry of a batch."""
        return len(as_rows(self._read(slice(0, 1))))

    def root_mean_square_norm(self, as_rows: AsRows, batch: int = 65_536) -> float:
        """sqrt(mean over rows of |x|^2), for rows as a dictionary counts them: summed over dimensions, not averaged.

        After division by it a row has squared norm 1 on average (Pach et al. 2025, code; there estimated on 101
        batches, here on all rows). Float64 sums.
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
        """All rows, in the order of the store."""
        if self.whole is not None:
            yield self.whole
            return
        for start, stop in zip(self._bounds[:-1], self._bounds[1:], strict=True):
            yield self._read(slice(start, stop))

    def _place(self, step: int, batch: int) -> tuple[int, int]:
        """The buffer of the epoch, and the batch of the buffer, that a step reads."""
        batches = self.smallest_buffer // batch
        return step // batches % self.buffers, step % batches

    def _blocks_of(self, blocks: Tensor, buffer: int) -> list[int]:
        return blocks[buffer * BLOCKS : (buffer + 1) * BLOCKS].tolist()

    def _length(self, blocks: list[int]) -> int:
        return self.n if self.buffers == 1 else int(np.diff(self._bounds)[blocks].sum())

    def _buffer(self, order: Tensor, buffer: int) -> Tensor:
        """The rows of a buffer, read if the order is a new one."""
        if self._held is None or (self.whole is None and order is not self._held_order):
            self._held = None  # before the next one is read
            blocks = self._blocks_of(order[: self.blocks], buffer)
            parts = (self._read(slice(self._bounds[block], self._bounds[block + 1])) for block in blocks)
            self._held, self._held_order = self._filled(parts, self._length(blocks)), order
        return self._held

    def _filled(self, parts: Iterator[np.ndarray], length: int) -> Tensor:
        """A tensor with the rows of all parts, one under the other."""
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
    """The matrix of each tower, (n, d), all of one dimension."""
    names = tower if isinstance(tower, tuple) else (tower,)
    members = [embeddings.tower(name) for name in names]
    if len({member.shape[1] for member in members}) > 1:
        shapes = ", ".join(f"{name} {member.shape[1]}" for name, member in zip(names, members, strict=True))
        raise CompanionError(f"{embeddings.encoder}: a dictionary of pairs needs one dimension, not {shapes}")
    return members


def _together(members: list[np.ndarray], tower: Towers) -> np.ndarray:
    return np.stack(members, axis=1) if isinstance(tower, tuple) else members[0]
