from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.base.errors import CompanionError, NotAvailable
from lib.base.files import DONE, cache_root, is_done
from lib.data.pairs import Pairs
from lib.encoders.clip import ClipEncoder
from lib.encoders.encoder import stack_pixels
from lib.encoders.hooks import encode_layers
from lib.encoders.shards import EmbedSpec
from lib.encoders.store import embed, embed_layers, embed_shard

from .examples import Toy, make_pairs


class Judge(Toy):
    name, encode_texts = "judge", None  # type: ignore[assignment]


class Files(Sequence):
    """Pictures read from files when asked for."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row):  # type: ignore[no-untyped-def]
        return Image.open(self.paths[row])


@pytest.fixture
def files(tmp_path: Path) -> Pairs:
    """Ten pictures on disk; 2 is cut short, 7 is no picture at all."""
    pairs = make_pairs()
    paths = [tmp_path / f"{name}.png" for name in pairs.ids]
    for path, image in zip(paths, pairs.images or (), strict=True):
        image.save(path)
    paths[2].write_bytes(paths[2].read_bytes()[:100])
    paths[7].write_text("no picture")
    return replace(pairs, images=Files(paths))


def test_rows_are_the_pictures_and_first_captions_in_order() -> None:
    pairs, toy = make_pairs(), Toy()
    stored = embed(pairs, toy)
    assert stored.ids.tolist() == pairs.ids.tolist()
    np.testing.assert_array_equal(stored.image, toy.encode_images(list(pairs.images or ())))
    np.testing.assert_array_equal(stored.text, toy.encode_texts([captions[0] for captions in pairs.captions or ()]))
    assert stored.encoder == "toy" and not stored.normalised
    assert stored.identity["pairs"] == pairs.identity and stored.identity["encoder"] == toy.identity


def test_it_is_memory_mapped_read_only_and_embedded_once() -> None:
    toy = Toy()
    first, again = embed(make_pairs(), toy), embed(make_pairs(), toy, batch=3, shard=4)
    assert (toy.images, toy.texts) == (10, 10)
    for matrix in (first.image, first.text, again.image):
        assert isinstance(matrix, np.memmap) and matrix.dtype == np.float32 and not matrix.flags.writeable
    assert not (cache_root() / "shards").exists() or not any((cache_root() / "shards").iterdir())


def test_what_decides_the_numbers_has_its_own_place(clip: ClipEncoder) -> None:
    pairs = make_pairs()
    specs = [
        EmbedSpec(pairs, clip),
        EmbedSpec(pairs, Toy()),
        EmbedSpec(pairs.first(4), clip),
        EmbedSpec(pairs, clip, ("image",)),
        EmbedSpec(pairs, clip, ("image",), layer=0),
        EmbedSpec(pairs, clip, ("image",), layer=1),
        EmbedSpec(pairs, clip, ("image",), layer=0, tokens="all"),
    ]
    keys = [json.dumps(spec.key, sort_keys=True) for spec in specs]
    assert len(set(keys)) == len(keys)
    assert EmbedSpec(pairs, clip, ("text", "image"), batch=2, shard=3, workers=1).key == specs[0].key


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 12), batch=st.integers(1, 13), shard=st.integers(1, 13), bad=st.sets(st.integers(0, 11)))
def test_any_batch_and_shard_size_gives_the_same(
    n: int, batch: int, shard: int, bad: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    pairs = make_pairs(n)
    kept = [row for row in range(n) if row not in bad]
    images = [image if row in kept else None for row, image in enumerate(pairs.images or ())]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_CACHE", str(tmp_path_factory.mktemp("cache")))
        if not kept:
            with pytest.raises(CompanionError, match=f"{n} of {n} images cannot be read, .*; check where"):
                embed(replace(pairs, images=images), Toy(), batch=batch, shard=shard, on_bad="skip")
            return
        stored = embed(replace(pairs, images=images), Toy(), batch=batch, shard=shard, on_bad="skip")
    assert stored.ids.tolist() == pairs.ids[kept].tolist()
    np.testing.assert_array_equal(stored.image, Toy().encode_images([(pairs.images or ())[row] for row in kept]))
    np.testing.assert_array_equal(stored.text, Toy().encode_texts([(pairs.captions or ())[row][0] for row in kept]))


def test_a_real_model_gives_the_same_for_other_sizes(
    clip: ClipEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = make_pairs()
    whole = embed(pairs, clip)
    np.testing.assert_allclose(whole.image, clip.encode_images(list(pairs.images or ())), atol=1e-5)
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "another"))
    pieces = embed(pairs, clip, batch=2, shard=3, workers=2)
    np.testing.assert_allclose(pieces.image, whole.image, atol=1e-5)
    np.testing.assert_allclose(pieces.text, whole.text, atol=1e-5)


def test_shards_may_be_made_in_any_order_and_more_than_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, toy = make_pairs(), Toy()
    expected = embed(pairs, toy)
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "another"))
    spec = EmbedSpec(pairs, toy := Toy(), shard=4)
    assert spec.shards == 3
    folders = [embed_shard(spec, number) for number in (2, 0, 1, 0)]
    assert folders[1] == folders[3] and all(is_done(folder) for folder in folders)
    joined = embed(pairs, toy, shard=4)
    assert toy.images == 10
    np.testing.assert_array_equal(joined.image, expected.image)
    with pytest.raises(CompanionError, match="no shard 3: there are 3, 0 to 2"):
        embed_shard(spec, 3)


def test_a_cut_shard_or_result_is_made_again() -> None:
    pairs, toy = make_pairs(), Toy()
    spec = EmbedSpec(pairs, toy, shard=5)
    folder = embed_shard(spec, 0)
    whole = (folder / "image.npy").read_bytes()
    (folder / "image.npy").write_bytes(whole[:-4])
    assert (embed_shard(spec, 0) / "image.npy").read_bytes() == whole
    embed(pairs, toy, shard=5)
    (result,) = (path for path in (cache_root() / "embeddings").iterdir() if path.is_dir())
    whole = (result / "text.npy").read_bytes()
    (result / "text.npy").write_bytes(whole[:-4])
    embed(pairs, toy, shard=5)
    assert (result / "text.npy").read_bytes() == whole


@pytest.mark.parametrize("part", ["shards/*", "embeddings"])
def test_a_flipped_byte_is_told_and_made_again(part: str, caplog: pytest.LogCaptureFixture) -> None:
    pairs = make_pairs()
    spec = EmbedSpec(pairs, Toy(), shard=5)
    if part == "embeddings":
        embed(pairs, Toy(), shard=5)
    else:
        embed_shard(spec, 0), embed_shard(spec, 1)
    first = next(iter(sorted(cache_root().glob(f"{part}/*/image.npy"))))
    whole = first.read_bytes()
    first.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    toy = Toy()
    with caplog.at_level(logging.WARNING):
        stored = embed(pairs, toy, shard=5)
    assert [record.getMessage() for record in caplog.records] == [
        f"{first.parent} is damaged and will be made again: image.npy has other bytes than were written"
    ]
    assert toy.images == (10 if part == "embeddings" else 5)
    np.testing.assert_array_equal(stored.image, Toy().encode_images(list(pairs.images or ())))


def test_the_marker_tells_the_rows(clip: ClipEncoder) -> None:
    embed(make_pairs(5), clip, towers=("image",), layer=0, tokens="all")
    (marker,) = cache_root().glob(f"embeddings/*/{DONE}")
    assert json.loads(marker.read_text())["rows"] == 5 * 17


def test_layers_and_tokens(clip: ClipEncoder) -> None:
    pairs = make_pairs(5)
    pixels = stack_pixels(clip, list(pairs.images or ()))
    stored = embed(pairs, clip, towers=["image"], layer=0, batch=2, shard=3)
    np.testing.assert_allclose(stored.image, encode_layers(clip, pixels, [0])[0], atol=1e-4)
    patches = embed(pairs, clip, towers=["image"], layer=1, tokens="patches", batch=2, shard=3)
    assert patches.ids[:17].tolist() == [*(f"pair-0@{token}" for token in range(16)), "pair-1@0"]
    expected = encode_layers(clip, pixels, [1], "patches")[1].reshape(5 * 16, 32)
    np.testing.assert_allclose(patches.image, expected, atol=1e-4)


@pytest.mark.parametrize("tokens", ["class", "patches"])
def test_several_layers_from_one_pass_are_those_of_a_pass_each(
    clip: ClipEncoder, tokens: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, passes = make_pairs(), []
    encode = type(clip).encode_pixels
    monkeypatch.setattr(
        type(clip), "encode_pixels", lambda self, pixels: passes.append(len(pixels)) or encode(self, pixels)
    )
    together = embed_layers(pairs, clip, [1, 0], tokens=tokens, shard=4)
    assert passes == [4, 4, 2]
    assert {layer: one.identity for layer, one in embed_layers(pairs, clip, [0, 1], tokens=tokens).items()} == {
        layer: one.identity for layer, one in together.items()
    }
    assert passes == [4, 4, 2] and not list((cache_root() / "shards").glob("*/*"))
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "another"))
    for layer in (0, 1):
        alone = embed(pairs, clip, towers=("image",), layer=layer, tokens=tokens)
        np.testing.assert_allclose(together[layer].image, alone.image, atol=1e-5)
        assert together[layer].ids.tolist() == alone.ids.tolist() and together[layer].identity == alone.identity


def test_after_a_kill_only_what_is_missing_of_several_layers_is_read(
    clip: ClipEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, passes = make_pairs(), []
    embed_shard(EmbedSpec(pairs, clip, ("image",), layer=0, shard=4), 0)
    encode = type(clip).encode_pixels
    monkeypatch.setattr(
        type(clip), "encode_pixels", lambda self, pixels: passes.append(len(pixels)) or encode(self, pixels)
    )
    embed(pairs, clip, towers=("image",), layer=1, shard=4)
    assert passes == [4, 4, 2]
    embed_layers(pairs, clip, [0, 1], shard=4)
    assert passes == [4, 4, 2, 4, 2]


def test_several_layers_of_corrupt_pictures_are_refused(clip: ClipEncoder, files: Pairs) -> None:
    with pytest.raises(CompanionError, match="2 of 10 images cannot be read"):
        embed_layers(files, clip, [0, 1])
    with pytest.raises(CompanionError, match="no layer 2: this image tower has 2 blocks"):
        embed_layers(make_pairs(), clip, [0, 2])


def test_corrupt_pictures_are_refused_with_the_first_and_their_number(files: Pairs) -> None:
    toy = Toy()
    for _ in range(2):
        with pytest.raises(CompanionError, match=r"2 of 10 images cannot be read, first 'pair-2' \(.*set on_bad=skip"):
            embed(files, toy, shard=4, workers=1)
    assert toy.images == 8 + 3 + 3  # only the two shards with corrupt pictures were made again


@pytest.mark.parametrize("workers", [0, 2])
def test_corrupt_pictures_are_skipped_and_named(files: Pairs, workers: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        stored = embed(files, Toy(), shard=4, workers=workers, on_bad="skip")
    (told,) = [record.getMessage() for record in caplog.records]
    (bad,) = (cache_root() / "embeddings").glob("*/bad.json")
    why = json.loads(bad.read_text())[0]["reason"]
    assert why and told == f"2 of 10 images cannot be read, first 'pair-2' ({why}); they are left out"
    assert stored.ids.tolist() == [f"pair-{row}" for row in range(10) if row not in (2, 7)]
    np.testing.assert_array_equal(stored.text[2], Toy().encode_texts(["a picture of 3 things"])[0])
    assert stored.identity["left_out"] == ["pair-2", "pair-7"]
    assert [(entry["id"], entry["error"]) for entry in json.loads(bad.read_text())] == [
        ("pair-2", "OSError"),
        ("pair-7", "UnidentifiedImageError"),
    ]
    with pytest.raises(CompanionError, match="2 of 10 images cannot be read"):
        embed(files, Toy())


def test_mended_pictures_are_read_again(files: Pairs, caplog: pytest.LogCaptureFixture) -> None:
    embed(files, Toy(), on_bad="skip")
    for row in (2, 7):
        (make_pairs().images or ())[row].save(files.images.paths[row])  # type: ignore[union-attr]
    whole = embed(files, Toy(), on_bad="skip")
    assert len(whole) == 10 and "left_out" not in whole.identity
    caplog.clear()
    assert len(embed(files, Toy())) == 10 and not caplog.records


def test_texts_need_no_pictures(files: Pairs) -> None:
    stored = embed(files, Toy(), towers=("text",))
    assert len(stored) == 10 and stored.image is None
    assert len(embed(replace(files, images=None), Toy(), towers=("text",))) == 10


def test_a_missing_data_set_is_not_a_corrupt_picture() -> None:
    class Missing(Files):
        def __getitem__(self, row):  # type: ignore[no-untyped-def]
            raise NotAvailable("the pictures are not here; fetch them")

    with pytest.raises(NotAvailable, match="fetch them"):
        embed(replace(make_pairs(2), images=Missing([Path()] * 2)), Toy(), on_bad="skip")


class Broken(Toy):
    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        vectors = super().encode_pixels(pixels)
        vectors[1, 2] = np.nan
        return vectors


class Short(Toy):
    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        return super().encode_pixels(pixels)[:-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pairs": replace(make_pairs(1), ids=np.array([]), images=(), captions=())}, "no pairs to embed"),
        ({"pairs": replace(make_pairs(), images=None)}, r"have no images; pass towers=\('text',\)"),
        ({"pairs": replace(make_pairs(), captions=None)}, r"have no captions; pass towers=\('image',\)"),
        ({"encoder": Judge()}, r"judge has no text tower; pass towers=\('image',\)"),
        ({"encoder": Broken()}, "toy: the vector of 'pair-1' contains NaN"),
        ({"encoder": Short()}, r"toy gave vectors of shape \(9, 3\) in place of \(10, 3\)"),
        ({"towers": ()}, r"towers=\(\); choose from image, text"),
        ({"towers": ("audio",)}, r"towers=\('audio',\)"),
        ({"layer": 0}, r"layer=0 is a block of the image tower; pass towers=\('image',\)"),
        ({"layer": 0, "towers": ("image",)}, "toy has no transformer blocks"),
        ({"tokens": "all"}, "give its number as layer="),
        ({"tokens": "cls"}, "unknown tokens 'cls'"),
        ({"batch": 0}, "batch=0; give a whole number of at least 1"),
        ({"shard": 2.5}, "shard=2.5; give a whole number"),
        ({"workers": -1}, "workers=-1; give a whole number of at least 0"),
        ({"on_bad": "ignore"}, "on_bad='ignore'; choose refuse or skip"),
    ],
)
def test_bad_requests_are_told(change: dict, message: str) -> None:
    with pytest.raises(CompanionError, match=message) as caught:
        embed(**{"pairs": make_pairs(), "encoder": Toy(), **change})
    assert "\n" not in str(caught.value)


def test_a_judge_has_images_only() -> None:
    assert embed(make_pairs(), Judge(), towers=("image",)).text is None


SLOW = """
import time
from encoders.examples import Toy, make_pairs
from lib.encoders.store import embed

class Stuck(Toy):
    def encode_pixels(self, pixels):
        if self.images == 4:
            time.sleep(600)
        return super().encode_pixels(pixels)

embed(make_pairs(), Stuck(), batch=2, shard=4)
"""


def test_after_a_kill_the_finished_shards_are_kept_and_the_bytes_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "undisturbed"))
    embed(make_pairs(), Toy(), batch=2, shard=4)
    expected = {path.name: path.read_bytes() for path in (cache_root() / "embeddings").glob("*/*")}

    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "killed"))
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}
    process = subprocess.Popen([sys.executable, "-c", SLOW], env=environment)
    try:
        while not list((tmp_path / "killed" / "shards").glob(f"*/*/{DONE}")):
            assert process.poll() is None, "the embedding ended before it could be killed"
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not list((cache_root() / "embeddings").glob(f"*/{DONE}"))
    toy = Toy()
    embed(make_pairs(), toy, batch=2, shard=4)
    assert toy.images == 6  # the first shard of four was not made again
    assert {path.name: path.read_bytes() for path in (cache_root() / "embeddings").glob("*/*")} == expected
