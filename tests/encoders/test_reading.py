"""Worker processes that read ahead: the same batches, one set of workers, one line when something ends them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import DONE, cache_root
from lib.encoders import reading
from lib.encoders.reading import default_workers, interruptions, read_pixels
from lib.encoders.store import EmbedSpec, embed, embed_shard

from .examples import Toy, make_pairs, pictures

GIB = 2**30


class Pictures(Sequence):
    """Pictures of which some are something else: `odd[row]` is called in place of giving the picture."""

    def __init__(self, odd: dict) -> None:
        self.pictures, self.odd = pictures(10), odd

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row):  # type: ignore[no-untyped-def]
        return self.odd.get(row, lambda: self.pictures[row])()


def raises(error: Exception):  # type: ignore[no-untyped-def]
    def picture() -> None:
        raise error

    return picture


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_come_in_order_with_what_could_not_be_read(workers: int) -> None:
    images = Pictures({3: raises(OSError("cut short")), 8: raises(ValueError("odd")), 9: raises(ValueError("odd"))})
    asked = [range(0, 3), range(3, 5), range(6, 8), range(8, 10)]
    batches = list(read_pixels(images, Toy(), asked, workers))
    assert [batch.asked for batch in batches] == asked
    assert [batch.rows for batch in batches] == [[0, 1, 2], [4], [6, 7], []]
    assert batches[1].bad == [{"row": 3, "error": "OSError", "reason": "cut short"}]
    assert [why["row"] for why in batches[3].bad] == [8, 9] and batches[3].pixels is None
    for batch in batches[:3]:
        expected = np.stack([np.asarray(images[row]) for row in batch.rows])
        assert batch.pixels is not None and np.array_equal(batch.pixels.numpy(), expected)
    assert not multiprocessing.active_children()


def test_the_global_generator_of_torch_is_left_alone() -> None:
    before = torch.get_rng_state()
    list(read_pixels(pictures(3), Toy(), [range(3)], 1))
    assert torch.equal(before, torch.get_rng_state())


class Witness(Toy):
    """Its vectors say which process preprocessed a picture, and with how many threads."""

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return torch.tensor([os.getpid(), torch.get_num_threads(), 0])

    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        return pixels.numpy().astype(np.float32)


def test_the_same_workers_preprocess_for_all_shards() -> None:
    alone = embed(make_pairs(8), Witness(), towers=("image",), batch=2, shard=3, workers=0)
    assert set(alone.image[:, 0]) == {os.getpid()}
    two = embed(make_pairs(12), Witness(), towers=("image",), batch=2, shard=3, workers=2)
    assert len(set(two.image[:, 0])) == 2 and os.getpid() not in two.image[:, 0]
    assert set(two.image[:, 1]) == {1}
    assert not multiprocessing.active_children()


def test_a_shard_that_another_process_made_meanwhile_is_taken_over() -> None:
    pairs = make_pairs()

    class Overtaken(Toy):
        def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
            if not self.images:
                embed_shard(EmbedSpec(pairs, Toy(), batch=2, shard=4), 1)
            return super().encode_pixels(pixels)

    encoder = Overtaken()
    stored = embed(pairs, encoder, batch=2, shard=4, workers=1)
    assert encoder.images == 6
    np.testing.assert_array_equal(stored.image, Toy().encode_images(list(pairs.images or ())))


def dies_after_the_first_shard() -> None:
    while not list((cache_root() / "shards").glob(f"*/*/{DONE}")):
        time.sleep(0.01)
    os._exit(9)


def test_a_worker_that_dies_is_told_and_the_next_run_goes_on() -> None:
    pairs = replace(make_pairs(), images=Pictures({5: dies_after_the_first_shard}))
    line = (
        r"toy: a process that reads pictures exited unexpectedly( with exit code 9)?; finished shards are kept, .*=0$"
    )
    with pytest.raises(CompanionError, match=line) as caught:
        embed(pairs, Toy(), batch=2, shard=2, workers=2)
    assert "\n" not in str(caught.value)
    assert not multiprocessing.active_children()
    toy = Toy()
    whole = embed(make_pairs(), toy, batch=2, shard=2, workers=1)
    assert toy.images <= 8  # at least the first shard of two was kept
    np.testing.assert_array_equal(whole.image, Toy().encode_images(pictures(10)))


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own answer to Ctrl-C; a shell that starts work in the background leaves the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_told_in_one_line_and_the_next_run_goes_on(ctrl_c: None) -> None:
    class Interrupted(Toy):
        def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
            if self.images == 4:  # a terminal sends it to every process
                for worker in multiprocessing.active_children():
                    os.kill(worker.pid or 0, signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
            return super().encode_pixels(pixels)

    with pytest.raises(
        KeyboardInterrupt, match=r"^toy: stopped; finished shards are kept, and the same call continues"
    ):
        embed(make_pairs(), Interrupted(), batch=2, shard=2, workers=2)
    assert not multiprocessing.active_children()
    toy = Toy()
    embed(make_pairs(), toy, batch=2, shard=2, workers=2)
    assert toy.images == 6


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(RuntimeError, match=r"^mat1 and mat2"), interruptions("toy"):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    bus = "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that\nmemory is short."
    with (
        pytest.raises(CompanionError, match=r"is killed by signal: Bus error; .*/dev/shm"),
        interruptions("toy"),
    ):
        raise RuntimeError(bus)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_wrong_with_an_encoder_or_a_machine_is_one_line_from_a_worker_too(workers: int) -> None:
    class Picky(Toy):
        def preprocess(self, image: Image.Image) -> torch.Tensor:
            raise CompanionError("toy: wants larger pictures")

    with pytest.raises(CompanionError, match=r"^toy: wants larger pictures$"):
        list(read_pixels(pictures(2), Picky(), [range(2)], workers))
    away = Pictures({1: raises(NotAvailable("the pictures are not here; fetch them"))})
    with pytest.raises(NotAvailable, match=r"^the pictures are not here; fetch them$"):
        list(read_pixels(away, Toy(), [range(2)], workers))


@pytest.mark.parametrize(
    ("pictures", "cores", "device", "shared", "platform", "workers"),
    [
        (499, 8, "cpu", 24 * GIB, "linux", 0),
        (500, 8, "cpu", 24 * GIB, "linux", 4),
        (500, 2, "cpu", 24 * GIB, "linux", 1),
        (500, 1, "cuda", 24 * GIB, "linux", 0),
        (500, 64, "cuda:1", 24 * GIB, "linux", 16),
        (500, 8, "cpu", GIB // 16, "linux", 0),
        (500, 8, "cpu", 24 * GIB, "darwin", 0),
    ],
)
def test_the_number_of_workers_fits_the_machine(
    pictures: int, cores: int, device: str, shared: int, platform: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(reading.shutil, "disk_usage", lambda _: SimpleNamespace(free=shared))
    assert default_workers(pictures, device) == workers
