"""Readers of retrieval benchmarks: tiny files in the published form, every error line, and the real files' counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lib.data.captions import each_caption, sentences
from lib.data.coco import coco_texts, coco_val2017, read_coco
from lib.data.descriptions import iiw, read_dci, read_docci, read_iiw, words
from lib.data.errors import CompanionError
from lib.data.flickr8k import flickr8k, read_flickr8k
from lib.data.karpathy import coco_karpathy, read_karpathy
from lib.data.positives import positives, read_positives
from lib.data.rococo import KINDS, plain_style, read_rococo, rococo
from lib.data.sugarcrepe import SIZES, read_sugarcrepe, sugarcrepe


def put(folder: Path, name: str, value: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def blip(*names: str) -> list[dict[str, Any]]:
    return [{"image": f"val2014/{name}.jpg", "caption": [f"A {name}.", f"one {name} more"]} for name in names]


def own_form(dataset: str = "coco") -> dict[str, Any]:
    def image(name: str, split: str) -> dict[str, Any]:
        texts = [{"tokens": ["a"], "raw": f"A {name}.", "imgid": 0, "sentid": 0}]
        return {"filepath": "val2014", "filename": f"{name}.jpg", "imgid": 0, "split": split, "sentences": texts}

    return {"dataset": dataset, "images": [image("cat", "test"), image("dog", "train"), image("cow", "test")]}


def test_karpathy_in_both_forms(tmp_path: Path) -> None:
    one = read_karpathy(put(tmp_path, "t.json", blip("cat", "cow")), "coco", "test", size=2)
    two = read_karpathy(put(tmp_path, "d.json", own_form()), "coco", "test", size=2)
    assert one.ids.tolist() == two.ids.tolist() == ["val2014/cat.jpg", "val2014/cow.jpg"]
    assert one.captions == (("A cat.", "one cat more"), ("A cow.", "one cow more"))
    assert two.captions == (("A cat.",), ("A cow.",))
    assert one.identity != two.identity and one.identity["split"] == "test"
    flickr = {**own_form("flickr30k"), "images": [{**image, "filepath": ""} for image in own_form()["images"]]}
    assert read_karpathy(put(tmp_path, "f.json", flickr), "flickr30k", "train", size=1).ids.tolist() == ["dog.jpg"]


COCO = {
    "images": [{"id": 7, "file_name": "7.jpg"}, {"id": 9, "file_name": "9.jpg"}],
    "annotations": [
        {"image_id": 9, "id": 1, "caption": "A cow."},
        {"image_id": 7, "id": 2, "caption": "A cat."},
        {"image_id": 9, "id": 3, "caption": "A brown cow."},
    ],
}


@pytest.mark.parametrize(
    ("value", "dataset", "split", "says"),
    [
        (blip("cat"), "coco", "tset", "no Karpathy split 'tset' of 'coco'; known: coco: train"),
        (blip("cat"), "flickr9k", "test", "of 'flickr9k'"),
        (COCO, "coco", "test", "whose images are not those of Karpathy's test split"),
        (own_form(), "flickr30k", "test", "this is 'coco', not 'flickr30k'"),
        (own_form(), "coco", "val", "no image of split 'val' in it"),
        (blip("cat"), "coco", "test", "has 5000 images and this file 1: it is cut off"),
        ([{"image": "val2017/1.jpg", "caption": ["a"]}], "coco", "test", "1.jpg is not of val2014"),
        ([{"image": "val2014/1.jpg", "caption": "a"}], "coco", "test", "'caption' is of type str, not list"),
        ([{"image": "val2014/1.jpg"}], "coco", "test", "image 0: no field 'caption'"),
        (blip("cat", "cat"), "coco", "test", "image val2014/cat.jpg appears twice"),
        ("3", "coco", "test", "neither a list"),
    ],
)
def test_wrong_karpathy_files(tmp_path: Path, value: Any, dataset: str, split: str, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        read_karpathy(put(tmp_path, "k.json", value), dataset, split)


def test_no_file_of_a_training_split() -> None:
    with pytest.raises(CompanionError, match="Karpathy split 'train' is known; known: val, test"):
        coco_karpathy("train")


def test_coco_annotations(tmp_path: Path) -> None:
    path = put(tmp_path, "captions_val2017.json", COCO)
    pairs = read_coco(path)
    assert pairs.ids.tolist() == ["7.jpg", "9.jpg"] and pairs.captions == (("A cat.",), ("A cow.", "A brown cow."))
    assert coco_texts(path) == {1: "A cow.", 2: "A cat.", 3: "A brown cow."}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (blip("cat"), "read a Karpathy split with lib.data.karpathy"),
        (own_form(), "read a Karpathy split"),
        ({**COCO, "images": COCO["images"] * 2}, "image 2: image id 7 appears twice"),
        ({**COCO, "annotations": COCO["annotations"] * 2}, "annotation 3: annotation id 1 appears twice"),
        ({**COCO, "images": COCO["images"][:1]}, "annotation 0: image 9 is not in the file"),
        ({**COCO, "annotations": COCO["annotations"][:1]}, "image 7.jpg has no caption"),
        ({"images": []}, "no field 'annotations'"),
    ],
)
def test_wrong_coco_annotations(tmp_path: Path, value: Any, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        read_coco(put(tmp_path, "c.json", value))


CSV = 'image,caption\na.jpg,"A cat, black ."\na.jpg,A cat .\nb.jpg,A cow .\n'


def test_flickr8k_leaves_a_stray_name_out(tmp_path: Path) -> None:
    names = put(tmp_path, "n.txt", "stray.jpg\nb.jpg\na.jpg\n")
    pairs = read_flickr8k(put(tmp_path, "c.csv", CSV), names)
    assert pairs.ids.tolist() == ["b.jpg", "a.jpg"] and pairs.captions == (("A cow .",), ("A cat, black .", "A cat ."))
    assert pairs.identity["left_out"] == ["stray.jpg"]


@pytest.mark.parametrize(
    ("csv", "names", "says"),
    [
        ("a.jpg,A cat\n", "a.jpg", "c.csv: the first line is not image,caption"),
        ("", "a.jpg", "c.csv: the first line"),
        ('image,caption\na.jpg,"A cat', "a.jpg", "c.csv, line 2: cut off"),
        ("image,caption\na.jpg\n", "a.jpg", "c.csv, line 2: not image,caption"),
        (CSV, "a.jpg\nb.jpg\na.jpg\n", "n.txt: a.jpg appears twice"),
        (CSV, "a.jpg\nx.jpg\ny.jpg\n", "n.txt: c.csv knows only few of its images"),
        (CSV, "", "no images in it"),
    ],
)
def test_wrong_flickr8k_files(tmp_path: Path, csv: str, names: str, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        read_flickr8k(put(tmp_path, "c.csv", csv), put(tmp_path, "n.txt", names))


def test_unknown_parts() -> None:
    for function, says in ((flickr8k, "no split 'x'"), (rococo, "no file 'x'"), (sugarcrepe, "no subset 'x'")):
        with pytest.raises(CompanionError, match=says):
            function("x")
    with pytest.raises(CompanionError, match="no positives 'x'; known: original, cxc, eccv"):
        positives("x")


def test_long_descriptions(tmp_path: Path) -> None:
    iiw_file = put(tmp_path, "i.jsonl", lines({"image/key": "k", "IIW": "One. Two."}, {"image": "m", "IIW": "Three"}))
    pairs = read_iiw(iiw_file)
    assert pairs.ids.tolist() == ["k", "m"] and pairs.captions == (("One. Two.",), ("Three",))
    assert words(pairs).tolist() == [2, 1] and words(sentences(pairs)).tolist() == [1, 1, 1]
    docci = {"example_id": "test_0", "split": "test", "image_file": "test_0.jpg", "description": "Long."}
    other = {**docci, "split": "train", "image_file": "train_0.jpg"}
    path = put(tmp_path, "docci_descriptions.jsonlines", lines(other, docci))
    assert read_docci(path).ids.tolist() == ["test_0.jpg"]
    put(tmp_path, "dci/1.json", {"image": "sa_1.jpg", "short_caption": "A cat.", "extra_caption": " It sleeps. "})
    put(tmp_path, "dci/2.json", {"image": "sa_2.jpg", "short_caption": "A cow.", "extra_caption": ""})
    assert read_dci(tmp_path / "dci").captions == (("A cat. It sleeps.",), ("A cow.",))
    with pytest.raises(CompanionError, match="line 2: no field 'DOCCI'"):
        read_iiw(put(tmp_path, "j.jsonl", lines({"image": "k", "DOCCI": "x"}, {"image": "l"})), "DOCCI")
    with pytest.raises(CompanionError, match="no image of split 'qual'; it has test, train"):
        read_docci(path, "qual")
    with pytest.raises(CompanionError, match="no annotations"):
        read_dci(tmp_path / "none")


def five(name: str) -> dict[str, Any]:
    return {"image": f"val2014/{name}.jpg", "caption": [f"A {name}, number {i} ." for i in range(5)]}


def test_rococo(tmp_path: Path) -> None:
    originals = read_karpathy(put(tmp_path, "t.json", [five("cat"), five("cow")]), "coco", "test", size=2)
    altered = [{**one, "caption": one["caption"] + [f"a dog, number {i}" for i in range(5)]} for one in (five("cat"),)]
    altered.append({**five("cow"), "caption": five("cow")["caption"] + five("cow")["caption"]})
    both = read_rococo(put(tmp_path, "r.json", altered), originals)
    assert both.altered.captions is not None and both.altered.captions[0][4] == "a dog, number 4"
    assert both.altered.ids.tolist() == originals.ids.tolist()
    assert both.unchanged() == 5 and both.plain().unchanged() == 5
    assert both.plain().originals.captions[0][0] == "a cat, number 0"  # type: ignore[index]
    assert both.plain().altered.identity != both.altered.identity
    for wrong, says in (
        (altered[:1], "1 images where the split has 2"),
        ({"a": 1}, "no list of images where"),
        (altered[::-1], "image 0: not val2014/cat.jpg with its own captions first"),
        (
            [altered[0], {**altered[1], "caption": altered[1]["caption"][:-1]}],
            "image 1: 4 altered captions in place of 5",
        ),
    ):
        with pytest.raises(CompanionError, match=rf"r\.json.*{says}"):
            read_rococo(put(tmp_path, "r.json", wrong), originals)


def test_plain_style() -> None:
    styles = ("A man on a Horse.", "a man on a horse", " A  man on a horse . ", "A man on a horse !")
    assert {plain_style(text) for text in styles} == {"a man on a horse"}
    assert plain_style("A man , on a horse") == "a man, on a horse"


def test_sugarcrepe(tmp_path: Path) -> None:
    item = {"filename": "1.jpg", "caption": "A cat.", "negative_caption": "A dog."}
    items = read_sugarcrepe(put(tmp_path, "swap_obj.json", {"0": item, "3": item}))
    assert (items.subset, len(items), items.images) == ("swap_obj", 2, ("1.jpg", "1.jpg"))
    assert items.captions[1] == "A cat." and items.negatives[0] == "A dog."
    for wrong, says in (
        ([item], "no object of numbered items"),
        ({}, "no object of numbered items"),
        ({"0": {"filename": "1.jpg", "caption": "x"}}, "item 0: no field 'negative_caption'"),
        ({"0": {**item, "caption": "A dog."}}, "item 0: the negative caption is the caption"),
    ):
        with pytest.raises(CompanionError, match=says):
            read_sugarcrepe(put(tmp_path, "s.json", wrong))


def positive_files(folder: Path, right: dict[str, list[int]], order: Any = (30, 10, 20)) -> list[Path]:
    np.save(folder / "ids.npy", np.array(order))
    owners = put(folder, "o.json", {"10": [1], "20": [2], "30": [2]})
    back = put(folder, "b.json", {"10": [1, 2]})
    return [folder / "ids.npy", owners, put(folder, "p.json", right), back]


def test_positives(tmp_path: Path) -> None:
    found = read_positives(*positive_files(tmp_path, {"2": [20, 30], "1": [10]}))
    assert found.image_ids.tolist() == [2, 1] and found.caption_ids.tolist() == [30, 10, 20]
    assert found.image_to_text.toarray().tolist() == [[True, False, True], [False, True, False]]
    assert found.text_to_image.toarray().tolist() == [[False, False], [True, True], [False, False]]


@pytest.mark.parametrize(
    ("right", "order", "says"),
    [
        ({"1": [10]}, (10, 10), "ids.npy: a caption appears twice"),
        ({"1": [10]}, (1.5, 2.5), "ids.npy: not a list of caption numbers"),
        ({"1": [10]}, (10, 40), "o.json: not one image of caption 40"),
        ({"1": [10, 10]}, (30, 10, 20), "p.json, '1': not a list of different ids"),
        ({"1": ["10"]}, (30, 10, 20), "p.json, '1': not a list"),
        ({"x": [10]}, (30, 10, 20), "p.json, 'x': not a list"),
        ({}, (30, 10, 20), "p.json: no object of ids"),
        ({"1": [77]}, (30, 10, 20), "p.json: 1 pairs are not of these images and captions"),
    ],
)
def test_wrong_positives(tmp_path: Path, right: dict[str, list[int]], order: Any, says: str) -> None:
    with pytest.raises(CompanionError, match=says):
        read_positives(*positive_files(tmp_path, right, order))


def test_positives_in_no_npy_file(tmp_path: Path) -> None:
    paths = positive_files(tmp_path, {"1": [10]})
    paths[0].write_bytes(paths[0].read_bytes()[:40])
    with pytest.raises(CompanionError, match=r"ids\.npy: not a readable \.npy file"):
        read_positives(*paths)


# The published files. No text of theirs is written here, only what was counted.


@pytest.mark.data
def test_the_two_sets_called_coco_5k(data_root: Path, cache: Path) -> None:
    test, val = coco_karpathy("test"), coco_val2017()
    assert len(test) == len(val) == 5000
    owner = each_caption(test)[1]
    assert len(owner) == 25010 and sorted(np.unique(np.bincount(owner), return_counts=True)[1]) == [10, 4990]
    assert len(each_caption(val)[1]) == 25014
    assert not {name[-16:] for name in test.ids} & {name[-16:] for name in coco_karpathy("val").ids}
    assert {name[-16:] for name in test.ids} & {name[-16:] for name in val.ids} != {name[-16:] for name in val.ids}


@pytest.mark.data
def test_real_rococo(data_root: Path, cache: Path) -> None:
    for kind, unchanged in zip(KINDS, (0, 0, 0, 3), strict=True):
        both = rococo(kind)
        assert len(each_caption(both.originals)[1]) == 25010 and len(each_caption(both.altered)[1]) == 25000
        assert both.unchanged() == unchanged


@pytest.mark.data
def test_real_sugarcrepe_positives_descriptions_and_flickr8k(data_root: Path, cache: Path) -> None:
    val = set(coco_val2017().ids)
    assert sum(len(sugarcrepe(subset)) for subset in SIZES) == 7511
    assert all(set(sugarcrepe(subset).images) <= val for subset in SIZES)
    for source, pairs, queries in (("original", 25000, 5000), ("cxc", 35585, 5000), ("eccv", 22548, 1261)):
        found = positives(source)
        assert found.image_to_text.shape == (5000, 25000) and found.image_to_text.nnz == pairs
        assert (np.diff(found.image_to_text.indptr) > 0).sum() == queries
    assert (np.diff(positives("eccv").text_to_image.indptr) > 0).sum() == 1332
    long = iiw()
    assert len(long) == 612 and 190 < words(long).mean() < 200 and 9 < len(words(sentences(long))) / 612 < 11
    photos = flickr8k("test")
    assert len(photos) == 1000 and len(photos.identity["left_out"]) == 1 and photos.images is not None
    assert photos.images[0].size == (224, 224)


def test_sugarcrepe_of_another_size_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"0": {"filename": "a.jpg", "caption": "A cat.", "negative_caption": "A dog."}}
    monkeypatch.setattr("lib.data.sugarcrepe.locate", lambda dataset, path: put(tmp_path, path, one))
    with pytest.raises(CompanionError, match=f"swap_att has {SIZES['swap_att']} items and this file 1; get it again"):
        sugarcrepe("swap_att")
