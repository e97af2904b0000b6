"""Folders of pictures, iNaturalist's file, webdataset shards and vectors of one's own: small ones in the true format,
and one line for each kind of damage."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.data.errors import CompanionError, NotAvailable
from lib.data.folders import class_folders, picture_folder
from lib.data.inaturalist import inaturalist
from lib.data.own_vectors import own_vectors
from lib.data.webdataset import caption_shards, zero_shot_shards


def picture(shade: int, kind: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 6), (shade, shade, shade)).save(stream, kind)
    return stream.getvalue()


def put(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def shard(path: Path, members: dict[str, bytes | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def shade(image: Image.Image) -> int:
    return int(np.asarray(image)[0, 0, 0])


TWO = {"b.jpg": picture(40), "sub/a.png": picture(90, "PNG")}


def test_a_plain_folder(tmp_path: Path) -> None:
    pairs = picture_folder(put(tmp_path, TWO))
    assert pairs.ids.tolist() == ["b.jpg", "sub/a.png"] and pairs.captions is None
    assert pairs.images is not None and shade(pairs.images[1]) == 90
    again = picture_folder(tmp_path)
    assert again.identity == pairs.identity
    put(tmp_path, {"c.jpg": picture(1)})
    assert picture_folder(tmp_path).identity != pairs.identity


def test_captions_beside_a_folder(tmp_path: Path) -> None:
    put(tmp_path / "p", TWO)
    put(tmp_path, {"c.csv": 'image,caption\nb.jpg,one\nb.jpg,"two, more"\nsub/a.png,three\n'})
    assert picture_folder(tmp_path / "p", tmp_path / "c.csv").captions == (("one", "two, more"), ("three",))
    lines = [{"image": "b.jpg", "caption": "one"}, {"image": "sub/a.png", "caption": "three"}]
    put(tmp_path, {"c.jsonl": "\n".join(map(json.dumps, lines))})
    assert picture_folder(tmp_path / "p", tmp_path / "c.jsonl").captions == (("one",), ("three",))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("c.csv", "image,caption\nb.jpg,one\n", "c.csv: 1 pictures have no caption, first sub/a.png"),
        (
            "c.csv",
            "image,caption\nb.jpg,x\nsub/a.png,y\nz.jpg,z\n",
            "1 captions are of pictures that are not there, first z",
        ),
        ("c.csv", "file,text\nb.jpg,one\n", "c.csv: the first line names no columns image and caption"),
        ("c.csv", "image,caption\nb.jpg,\n", "c.csv, line 2: no image or no caption"),
        ("c.csv", 'image,caption\nb.jpg,"one\n', "c.csv, line [12]: cut off"),
        ("c.txt", "b.jpg one", "c.txt: captions come as .csv or .jsonl"),
        ("c.jsonl", '{"image": "b.jpg"}', "c.jsonl, line 1: no field 'caption'"),
    ],
)
def test_captions_that_do_not_fit(tmp_path: Path, name: str, text: str, says: str) -> None:
    put(tmp_path / "p", TWO)
    put(tmp_path, {name: text})
    with pytest.raises(CompanionError, match=says):
        picture_folder(tmp_path / "p", tmp_path / name)


def test_imagenet_folders(tmp_path: Path) -> None:
    put(tmp_path / "train", {"n01/a.JPEG": picture(1), "n01/b.JPEG": picture(2), "n02/c.JPEG": picture(3)})
    put(tmp_path, {"LOC_synset_mapping.txt": "n01 tench, Tinca tinca\nn02 goldfish\n"})
    pairs = class_folders(tmp_path / "train", tmp_path / "LOC_synset_mapping.txt")
    assert pairs.captions == (("a photo of a tench",),) * 2 + (("a photo of a goldfish",),)
    assert pairs.facts is not None and pairs.facts.names == ("kind:n01", "kind:n02")
    assert pairs.facts.truth.tolist() == [[True, False], [True, False], [False, True]]
    put(tmp_path, {"short.txt": "n01 tench\n", "bare.txt": "n01\n"})
    with pytest.raises(CompanionError, match=r"short\.txt: no name for class n02; add a line for it"):
        class_folders(tmp_path / "train", tmp_path / "short.txt")
    with pytest.raises(CompanionError, match=r"bare\.txt, line 1: not a class and its names"):
        class_folders(tmp_path / "train", tmp_path / "bare.txt")
    with pytest.raises(CompanionError, match=r"a\.JPEG lies in no class's folder"):
        class_folders(tmp_path / "train" / "n01")


def test_an_unreadable_picture_is_named_when_it_is_read(tmp_path: Path) -> None:
    pairs = picture_folder(put(tmp_path, {"a.jpg": picture(9)[:40]}))
    assert pairs.images is not None
    with pytest.raises(CompanionError, match=r"a\.jpg"):
        pairs.images[0]


def inat() -> dict:
    ranks = {"kingdom": "Plantae", "phylum": "P", "class": "C", "order": "O", "family": "F", "genus": "Quercus"}
    return {
        "images": [{"id": 7, "file_name": "train/x/a.jpg"}, {"id": 8, "file_name": "train/y/b.jpg"}],
        "annotations": [{"id": 0, "image_id": 8, "category_id": 1}, {"id": 1, "image_id": 7, "category_id": 0}],
        "categories": [{"id": 0, "name": "Quercus alba", **ranks}, {"id": 1, "name": "Quercus robur", **ranks}],
    }


def test_inaturalist(tmp_path: Path) -> None:
    put(tmp_path, {"train.json": json.dumps(inat()), "train/x/a.jpg": picture(5), "train/y/b.jpg": picture(6)})
    pairs = inaturalist(tmp_path / "train.json", tmp_path)
    assert pairs.ids.tolist() == ["train/x/a.jpg", "train/y/b.jpg"]
    assert pairs.captions == (("a photo of a Quercus alba",), ("a photo of a Quercus robur",))
    assert pairs.images is not None and [shade(one) for one in pairs.images] == [5, 6]
    assert pairs.facts is not None
    named = dict(zip(pairs.facts.names, pairs.facts.truth.T.tolist(), strict=True))
    assert named["genus:Quercus"] == [True, True] and named["kind:Quercus robur"] == [False, True]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v["annotations"].pop(), "train/x/a.jpg has no annotation"),
        (lambda v: v["annotations"].append(v["annotations"][0]), "train/y/b.jpg has two annotations"),
        (lambda v: v["annotations"][0].update(category_id=9), "names image 8 or category 9, which it does not list"),
        (lambda v: v["images"][1].update(id=7), "id 7 appears twice"),
        (lambda v: v["categories"][0].pop("genus"), "no field 'genus'"),
        (lambda v: v.pop("categories"), "no field 'categories'"),
    ],
)
def test_inaturalist_files_that_are_wrong(tmp_path: Path, change, says: str) -> None:
    value = inat()
    change(value)
    put(tmp_path, {"train.json": json.dumps(value)})
    with pytest.raises(CompanionError, match=says):
        inaturalist(tmp_path / "train.json", tmp_path)


def test_inaturalist_without_its_folder_or_cut_off(tmp_path: Path) -> None:
    put(tmp_path, {"train.json": json.dumps(inat())[:-20]})
    with pytest.raises(CompanionError, match=r"train\.json"):
        inaturalist(tmp_path / "train.json", tmp_path)
    with pytest.raises(CompanionError, match="no such folder; give the one that the paths in"):
        inaturalist(tmp_path / "train.json", tmp_path / "none")


CC3M = {"000000000.jpg": picture(11), "000000000.txt": "a dog\n", "000000000.json": "{}", "000000001.json": "{}"}


def test_cc3m_shards(tmp_path: Path, cache: Path) -> None:
    shard(tmp_path / "00000.tar", CC3M)
    shard(tmp_path / "00001.tar", {"000010000.jpg": picture(22), "000010000.txt": "a cat"})
    pairs = caption_shards(tmp_path)
    assert pairs.ids.tolist() == ["000000000", "000010000"] and pairs.captions == (("a dog",), ("a cat",))
    assert pairs.images is not None and [shade(one) for one in pairs.images] == [11, 22]
    assert shade(pairs.images[1:][0]) == 22


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"0.jpg": picture(1)}, "0.tar: sample 0 has no txt"),
        ({"0.txt": "a"}, "0.tar: sample 0 has no picture"),
        ({"0.jpg": picture(1), "0.txt": " "}, "sample 0 has an empty caption"),
        ({"0.jpg": picture(1), "0.png": picture(1), "0.txt": "a"}, "sample 0 has two files of one kind"),
        ({"0.jpg": picture(1), "0.txt": b"\xff\xfe"}, "0.tar/0.txt: not UTF-8 text"),
        ({"0.json": "{}"}, "no samples of a picture and a .txt file"),
    ],
)
def test_shards_that_are_wrong(tmp_path: Path, cache: Path, members: dict, says: str) -> None:
    shard(tmp_path / "0.tar", members)
    with pytest.raises(CompanionError, match=says):
        caption_shards(tmp_path)


def test_shards_cut_off_or_doubled_or_absent(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(CompanionError, match=r"no \.tar files in it"):
        caption_shards(tmp_path)
    whole = shard(tmp_path / "0.tar", {"0.jpg": picture(1), "0.txt": "a" * 2000}).read_bytes()
    shard(tmp_path / "1.tar", {"0.jpg": picture(1), "0.txt": "a"})
    with pytest.raises(CompanionError, match=r"1\.tar: sample 0 is in another shard, too"):
        caption_shards(tmp_path)
    (tmp_path / "1.tar").unlink()
    (tmp_path / "0.tar").write_bytes(whole[:2800])
    with pytest.raises(CompanionError, match=r"0\.tar: cannot be unpacked .*; get the archive again"):
        caption_shards(tmp_path)


def zero_shot(folder: Path, label: str = "1") -> Path:
    put(folder, {"classnames.txt": "cat\ndog", "zeroshot_classification_templates.txt": "a photo of a {c}.\na {c}."})
    shard(folder / "test" / "0.tar", {"s0.webp": picture(3, "WEBP"), "s0.cls": label})
    return folder


def test_zero_shot_sets(tmp_path: Path, cache: Path) -> None:
    tmp_path = tmp_path / "set"
    found = zero_shot_shards(zero_shot(tmp_path))
    assert found.classes == ("cat", "dog") and found.templates == ("a photo of a {c}.", "a {c}.")
    assert found.labels.tolist() == [1] and found.pairs.captions == (("a photo of a dog.",),)
    with pytest.raises(CompanionError, match="no split 'val'; known: test"):
        zero_shot_shards(tmp_path, "val")
    put(tmp_path, {"zeroshot_classification_templates.txt": "a photo"})
    with pytest.raises(CompanionError, match=r"its templates hold no \{c\}"):
        zero_shot_shards(tmp_path)


@pytest.mark.parametrize("label", ["2", "-1", "dog", ""])
def test_labels_outside_the_classes(tmp_path: Path, cache: Path, label: str) -> None:
    with pytest.raises(CompanionError, match=rf"sample s0 has the class '{label}'; classnames\.txt has 0 to 1"):
        zero_shot_shards(zero_shot(tmp_path, label))


def vectors(folder: Path, **arrays: np.ndarray) -> Path:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def test_own_vectors(tmp_path: Path) -> None:
    image = np.arange(1, 7, dtype=np.float64).reshape(3, 2)
    found = own_vectors(vectors(tmp_path, image=image, text=image.astype(np.float16), judge=np.ones((3, 5))))
    assert found.ids.tolist() == ["row-0", "row-1", "row-2"] and found.image.dtype == np.float32
    assert (
        found.judge is not None
        and found.judge.shape == (3, 5)
        and set(found.identity) == {f"{p}.npy" for p in ("image", "text", "judge")}
    )
    put(tmp_path, {"ids.txt": "a\nb\nc\n"})
    assert own_vectors(tmp_path).ids.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("arrays", "ids", "says"),
    [
        ({"text": np.ones((2, 2))}, None, "neither image.npy nor embeddings.parquet"),
        ({"image": np.ones(4)}, None, r"image\.npy: expected numbers of shape \(rows, width\), found float64 \(4,\)"),
        ({"image": np.ones((0, 4))}, None, "image.npy: expected numbers of shape"),
        ({"image": np.array([["a"]])}, None, "image.npy: expected numbers of shape"),
        ({"image": np.array([[1.0], [np.nan]])}, None, "image of 'row-1' is zero, NaN or infinite"),
        ({"image": np.array([[1.0], [0.0]])}, "a\nb", "image of 'b' is zero, NaN or infinite"),
        ({"image": np.ones((2, 2))}, "a\na", "id 'a' appears twice"),
        ({"image": np.ones((2, 2))}, "a", "image has 2 rows for 1 ids"),
        ({"image": np.ones((2, 2)), "text": np.ones((2, 3))}, None, "they share a space"),
        ({"image": np.ones((2, 2)), "judge": np.ones((3, 2))}, None, "judge has 3 rows for 2 ids"),
        ({"image": np.array([{}], dtype=object)}, None, "image.npy: not a readable .npy file"),
    ],
)
def test_own_vectors_that_are_wrong(tmp_path: Path, arrays: dict, ids: str | None, says: str) -> None:
    vectors(tmp_path, **arrays)
    put(tmp_path, {"ids.txt": ids} if ids else {})
    with pytest.raises(CompanionError, match=says):
        own_vectors(tmp_path)


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    import pyarrow.parquet as pq

    from lib.data.parquet import labelled_parquet

    rows = [{"bytes": picture(30 * i), "path": f"{i}.jpg"} for i in range(5)]
    table = pa.table({"image": rows, "label": [0, 1, 1, 0, 1]})
    pq.write_table(table, tmp_path / "train-00000.parquet", row_group_size=2)
    pairs = labelled_parquet(tmp_path, ["tench", "goldfish"])
    assert pairs.ids[0] == "train-00000.parquet#0" and pairs.captions is not None
    assert pairs.captions[1] == ("a photo of a goldfish",)
    assert pairs.images is not None and [shade(pairs.images[i]) for i in (4, 0, 3)] == [120, 0, 90]
    with pytest.raises(CompanionError, match="row 1: label 1; there are 1 classes"):
        labelled_parquet(tmp_path, ["tench"])
    pq.write_table(pa.table({"id": ["a", "b"], "image": [[1.0, 2.0], [3.0, 4.0]]}), tmp_path / "embeddings.parquet")
    assert own_vectors(tmp_path).ids.tolist() == ["a", "b"]
    pq.write_table(pa.table({"image": [[1.0], [3.0, 4.0]]}), tmp_path / "embeddings.parquet")
    with pytest.raises(CompanionError, match="does not hold lists of one length"):
        own_vectors(tmp_path)
    (tmp_path / "embeddings.parquet").unlink()
    (tmp_path / "train-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(CompanionError, match=r"train-00000\.parquet: not a readable parquet file"):
        labelled_parquet(tmp_path, ["tench"])


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    put(tmp_path, {"embeddings.parquet": b"PAR1"})
    with pytest.raises(NotAvailable, match=r"reading parquet needs pyarrow; run `pip install -e '\.\[parquet\]'`"):
        own_vectors(tmp_path)
