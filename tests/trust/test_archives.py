"""Archives with everything hostile in them: the good member comes out, and nothing else is written anywhere."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from lib.base.files import cache_folder, cached
from lib.data.formats.archive import TarImages, extract_members
from lib.data.formats.webdataset import caption_shards
from tests.trust.common import Tried, listing, one_line
from tests.trust.test_images import PNG

GOOD = b"the good member"

TAR_MEMBERS = {
    "link": (tarfile.SYMTYPE, "/etc/passwd"),
    "link-up": (tarfile.SYMTYPE, "../../secret"),
    "hard": (tarfile.LNKTYPE, "good"),
    "hard-out": (tarfile.LNKTYPE, "/etc/passwd"),
    "device": (tarfile.CHRTYPE, ""),
    "disk": (tarfile.BLKTYPE, ""),
    "pipe": (tarfile.FIFOTYPE, ""),
    "folder": (tarfile.DIRTYPE, ""),
    "contiguous": (tarfile.CONTTYPE, ""),
    "sparse": (tarfile.GNUTYPE_SPARSE, ""),
    "unknown": (b"Z", ""),
}
ZIP_MODES = {
    "link": stat.S_IFLNK,
    "device": stat.S_IFCHR,
    "disk": stat.S_IFBLK,
    "pipe": stat.S_IFIFO,
    "socket": stat.S_IFSOCK,
    "folder": stat.S_IFDIR,
}
PATHS = ["/etc/companion", "../up", "a/../../up", "./dot", "a//b", "C:/drive", "back\\slash", "nul\x01"]
LIES = {"fewer bytes than there are": 10, "more bytes than there are": 10**6, "more than any disk": 2**40}

TRIED = [
    Tried(
        "kinds of tar members that are not files", len(TAR_MEMBERS), "one line; the good member next to them comes out"
    ),
    Tried(
        "kinds of zip members that are not files", len(ZIP_MODES), "one line; the good member next to them comes out"
    ),
    Tried("member names that lead out of the folder", len(PATHS), "never written, listed or not"),
    Tried("sizes that a zip's directory lies about", len(LIES), "one line, and at most the limit on disk"),
    Tried("bombs: 200 MB of zeros in a tar.gz and a zip", 2, "one line, and at most the limit on disk"),
]


def hostile_tar(path: Path) -> Path:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, (kind, link) in TAR_MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.devmajor = kind, link, 1
            tar.addfile(info)
        for name in PATHS:
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"evil"))
        info = tarfile.TarInfo("in/good")
        info.size = len(GOOD)
        tar.addfile(info, io.BytesIO(GOOD))
    return path


def hostile_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, mode in ZIP_MODES.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode | 0o777) << 16
            zipped.writestr(info, "/etc/passwd")
        for name in PATHS:
            zipped.writestr(name, "evil")
        zipped.writestr("in/good", GOOD)
    return path


@pytest.fixture(params=["tar", "zip"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return (hostile_tar if request.param == "tar" else hostile_zip)(tmp_path / f"a.{request.param}")


def test_the_good_member_comes_out_alone(archive: Path, tmp_path: Path) -> None:
    before = listing(tmp_path)
    extract_members(archive, ["in/good"], tmp_path / "deep" / "out")
    assert listing(tmp_path) == before | {"deep/out/in/good": GOOD}


def test_every_other_member_is_refused_and_nothing_stays(archive: Path, tmp_path: Path, cache: Path) -> None:
    kinds = TAR_MEMBERS if archive.suffix == ".tar" else ZIP_MODES
    for number, name in enumerate([*kinds, *PATHS]):
        before = {name: data for name, data in listing(tmp_path).items() if not name.endswith(".lock")}
        with one_line(archive.name, "member"):
            cached(
                "unpacked", {"n": number}, lambda folder, name=name: extract_members(archive, ["in/good", name], folder)
            )
        assert not cache_folder("unpacked", {"n": number}).exists()
        assert {name: data for name, data in listing(tmp_path).items() if not name.endswith(".lock")} == before


def test_pictures_in_a_hostile_tar_are_plain_files_only(tmp_path: Path, cache: Path) -> None:
    path = hostile_tar(tmp_path / "a.tar")
    images = TarImages(path)
    assert set(images.names) == {*PATHS, "in/good"} - {"./dot"} | {"dot"}
    with one_line("a.tar/../up: ", "not an image"):
        images.read("../up")  # the bytes in the archive, not the file above it
    with one_line("images are not in it, first 'link'"):
        TarImages(path, ["link"])


def test_keys_of_a_shard_are_names_not_places(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "shards").mkdir()
    with tarfile.open(tmp_path / "shards" / "0.tar", "w") as tar:
        for name, content in {
            "../../x.png": PNG,
            "../../x.txt": b"a dog",
            "/etc/y.png": PNG,
            "/etc/y.txt": b"a",
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    before = listing(tmp_path / "shards")
    pairs = caption_shards(tmp_path / "shards")
    assert pairs.captions == (("a dog",), ("a",)) and pairs.images is not None and pairs.images[1].size == (40, 48)
    assert listing(tmp_path / "shards") == before and sorted(p.name for p in tmp_path.iterdir()) == ["cache", "shards"]


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_a_bomb_stops_at_the_limit(tmp_path: Path, cache: Path, kind: str) -> None:
    path, zeros = tmp_path / f"a.{kind}", bytes(200_000_000)
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
            zipped.writestr("good", GOOD)
            zipped.writestr("bomb", zeros)
    else:
        with tarfile.open(path, "w:gz", compresslevel=1) as tar:
            for name, content in (("good", GOOD), ("bomb", zeros)):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    assert path.stat().st_size < 2_000_000
    with one_line("take over 1000000 bytes"):
        extract_members(path, ["good", "bomb"], tmp_path / "out", limit_bytes=1_000_000)
    assert listing(tmp_path / "out") == {"good": GOOD}


@pytest.mark.parametrize("size", LIES.values(), ids=LIES)
def test_a_lie_about_a_size_is_told(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("x", b"123456789" * 100)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24  # the uncompressed size in the directory
    data[at : at + 4] = struct.pack("<I", min(size, 2**32 - 2))
    path.write_bytes(bytes(data))
    with one_line("a.zip: "):
        extract_members(path, ["x"], tmp_path / "out", limit_bytes=2**31)
    assert sum(map(len, listing(tmp_path / "out").values() if (tmp_path / "out").exists() else [])) <= 900
