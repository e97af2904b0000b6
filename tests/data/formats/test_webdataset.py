"""Webdataset shards: small ones in the true format, and one line for each kind of damage."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from lib.base.errors import CompanionError
from lib.data.formats.webdataset import caption_shards, zero_shot_shards
from tests.data.formats.files import picture, put, shade, shard

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
        ({"0.jpg": picture(1), "0.txt": b"caf\xe9"}, "0.tar/0.txt: not UTF-8 text"),
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


def test_two_kinds_of_data_in_one_folder_are_refused(tmp_path: Path, cache: Path) -> None:
    shard(tmp_path / "s" / "old.tar", {"0.jpg": picture(1), "0.txt": "stale"})
    for beside in ("b.jpg", "sub/c.png", "Captions.csv", "captions.jsonl"):
        put(tmp_path / "s", {beside: picture(2)})
        with pytest.raises(CompanionError, match=rf"old\.tar and {beside} are two kinds of data in one folder"):
            caption_shards(tmp_path / "s")
        (tmp_path / "s" / beside).unlink()
    assert len(caption_shards(tmp_path / "s")) == 1


def test_every_member_is_accounted_for(tmp_path: Path, cache: Path) -> None:
    path = shard(tmp_path / "s" / "0.tar", CC3M)
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("000000002.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "000000000.jpg"
        tar.addfile(link)
    put(tmp_path / "s", {"00000_stats.json": "{}", "1.tar.gz": b"x"})
    tally = caption_shards(tmp_path / "s").tally
    assert (
        tally is not None
        and tally.read == ("1 sample in 1 shard",)
        and tally.left_out
        == {
            "other file": ("00000_stats.json", "1.tar.gz"),
            "incomplete sample": ("000000001",),
            "unread member": ("0.tar/000000000.json",),
            "linked member": ("0.tar/000000002.jpg",),
        }
    )


def test_samples_that_lack_something_can_be_skipped(tmp_path: Path, cache: Path) -> None:
    members = {"0.jpg": picture(1), "0.txt": "a dog", "1.jpg": picture(2), "1.json": "{}", "2.jpg": picture(3)}
    shard(tmp_path / "s" / "0.tar", {**members, "2.txt": " \n", "3.heic": b"x", "3.txt": "a cat"})
    with pytest.raises(CompanionError, match=r"sample 1 has no txt, only \.json, picture; complete it or drop it"):
        caption_shards(tmp_path / "s")
    pairs = caption_shards(tmp_path / "s", "skip")
    assert pairs.ids.tolist() == ["0"] and pairs.captions == (("a dog",),) and pairs.tally is not None
    assert pairs.tally.left_out == {"incomplete sample": ("1", "3"), "captionless sample": ("2",)}
    assert pairs.identity["left_out"] == "incomplete"


def test_a_pointer_in_place_of_a_shard(tmp_path: Path, cache: Path) -> None:
    put(tmp_path / "s", {"0.tar": b"version https://git-lfs.github.com/spec/v1\n"})
    with pytest.raises(CompanionError, match=r"0\.tar: a Git LFS pointer in place of the file"):
        caption_shards(tmp_path / "s")


def zero_shot(folder: Path, label: str = "1") -> Path:
    put(folder, {"classnames.txt": "cat\ndog", "zeroshot_classification_templates.txt": "a photo of a {c}.\na {c}."})
    shard(folder / "test" / "0.tar", {"s0.webp": picture(3, "WEBP"), "s0.cls": label})
    return folder


def test_zero_shot_sets(tmp_path: Path, cache: Path) -> None:
    tmp_path = tmp_path / "set"
    found = zero_shot_shards(zero_shot(tmp_path))
    assert found.classes == ("cat", "dog") and found.templates == ("a photo of a {}.", "a {}.")
    assert found.labels.tolist() == [1] and found.pairs.ids.tolist() == ["s0"]
    with pytest.raises(CompanionError, match="no split 'val'; known: test"):
        zero_shot_shards(tmp_path, "val")
    put(tmp_path, {"zeroshot_classification_templates.txt": "a photo"})
    with pytest.raises(CompanionError, match=r"its templates have no \{c\}"):
        zero_shot_shards(tmp_path)


@pytest.mark.parametrize("label", ["2", "-1", "dog", ""])
def test_labels_outside_the_classes(tmp_path: Path, cache: Path, label: str) -> None:
    with pytest.raises(CompanionError, match=rf"sample s0 has the class '{label}'; classnames\.txt has 0 to 1"):
        zero_shot_shards(zero_shot(tmp_path, label))
