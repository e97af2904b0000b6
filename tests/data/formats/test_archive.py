"""Archives: the listed members come out whole, hostile archives are refused in one line and write nothing outside."""

from __future__ import annotations

import io
import multiprocessing
import pickle
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.base.errors import CompanionError
from lib.base.files import cached, is_safe_path
from lib.data.formats.archive import TarImages, extract_members

KINDS = ("tar", "tar.gz", "tgz", "zip")

pytestmark = pytest.mark.usefixtures("cache")


def pack(folder: Path, kind: str, files: dict[str, bytes]) -> Path:
    path = folder / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            for name, content in files.items():
                zipped.writestr(name, content)
    else:
        with tarfile.open(path, "w" if kind == "tar" else "w:gz") as tar:
            for name, content in files.items():
                add(tar, name, content)
    return path


def add(tar: tarfile.TarFile, name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    tar.addfile(info, io.BytesIO(content))


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_only_listed_members(tmp_path: Path, kind: str) -> None:
    archive = pack(tmp_path, kind, {"top/a.txt": b"A", "top/sub/b.bin": b"B" * 70000, "top/c": b"", "../evil": b"E"})
    extract_members(archive, ["top/a.txt", "top/sub/b.bin", "top/c"], tmp_path / "out")
    assert tree(tmp_path / "out") == {"top/a.txt": b"A", "top/sub/b.bin": b"B" * 70000, "top/c": b""}
    extract_members(archive, ["top/sub/b.bin"], tmp_path / "stripped", strip=1)
    assert list(tree(tmp_path / "stripped")) == ["sub/b.bin"]
    assert not (tmp_path / "evil").exists()


def test_leading_dot_of_tar(tmp_path: Path) -> None:
    extract_members(pack(tmp_path, "tar", {"./a": b"1"}), ["a"], tmp_path / "out")
    assert tree(tmp_path / "out") == {"a": b"1"}


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize(
    ("members", "strip", "says"),
    [
        (["../x"], 0, "not a safe relative path"),
        (["a/../../x"], 0, "not a safe relative path"),
        (["/etc/x"], 0, "not a safe relative path"),
        (["C:/x"], 0, "not a safe relative path"),
        (["a\\b"], 0, "not a safe relative path"),
        (["a//b"], 0, "not a safe relative path"),
        (["./a"], 0, "not a safe relative path"),
        ([""], 0, "not a safe relative path"),
        (["a\x00b"], 0, "not a safe relative path"),
        (["a/b"], 2, "not a safe relative path"),
        (["a/b", "a/b"], 0, "would replace another one"),
        (["a/b", "c/b"], 1, "would replace another one"),
        (["a/b", "nope"], 0, "1 listed members are not in it, first nope"),
    ],
)
def test_bad_lists(tmp_path: Path, kind: str, members: list[str], strip: int, says: str) -> None:
    archive = pack(tmp_path, kind, {"a/b": b"1", "c/b": b"2", "../x": b"E", "/etc/x": b"E"})
    with pytest.raises(CompanionError, match=rf"a\.{kind}: .*{says}"):
        extract_members(archive, members, tmp_path / "out" / "deep", strip)
    assert not (tmp_path / "x").exists() and not (tmp_path / "out" / "x").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_tar_members_that_are_no_files(tmp_path: Path, kind: bytes) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        add(tar, "x", kind=kind, link="/etc/passwd")
    with pytest.raises(CompanionError, match=r"a\.tar: member x is not a plain file"):
        extract_members(archive, ["x"], tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_unlisted_link_is_not_followed(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        add(tar, "d", kind=tarfile.SYMTYPE, link=str(tmp_path))
        add(tar, "d/x", b"E")
    extract_members(archive, ["d/x"], tmp_path / "out")
    assert (tmp_path / "out/d/x").read_bytes() == b"E" and not (tmp_path / "x").exists()


def test_link_in_the_target_folder(tmp_path: Path) -> None:
    archive = pack(tmp_path, "tar", {"d/x": b"E", "y": b"E"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out/d").symlink_to(tmp_path)
    with pytest.raises(CompanionError, match="member d/x would leave"):
        extract_members(archive, ["d/x"], tmp_path / "out")
    (tmp_path / "out/y").write_text("mine")
    with pytest.raises(CompanionError, match="File exists"):
        extract_members(archive, ["y"], tmp_path / "out")
    assert (tmp_path / "out/y").read_text() == "mine"


def test_zip_links_folders_and_passwords(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        zipped.writestr(link, "/etc/passwd")
        zipped.writestr("dir/", "")
        zipped.writestr("secret", "x")
    with pytest.raises(CompanionError, match="member link is not a plain file"):
        extract_members(archive, ["link"], tmp_path / "out")
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02", data.rindex(b"dir/")) + 8] |= 1  # the flag of an encrypted member
    archive.write_bytes(bytes(data))
    with pytest.raises(CompanionError, match=r"cannot be unpacked .*(encrypted|password)"):
        extract_members(archive, ["secret"], tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_repeated_member(tmp_path: Path, kind: str) -> None:
    archive = tmp_path / f"a.{kind}"
    if kind == "tar":
        with tarfile.open(archive, "w") as tar:
            add(tar, "x", b"1")
            add(tar, "x", b"2")
    else:
        with zipfile.ZipFile(archive, "w") as zipped:
            zipped.writestr("x", "1")
            zipped.writestr("x", "2")
    with pytest.raises(CompanionError, match="member x appears twice"):
        extract_members(archive, ["x"], tmp_path / "out")


@pytest.mark.parametrize("kind", KINDS)
def test_size_limit(tmp_path: Path, kind: str) -> None:
    archive = pack(tmp_path, kind, {"a": bytes(1000), "b": bytes(1000), "unlisted": bytes(10**6)})
    extract_members(archive, ["a", "b"], tmp_path / "fits", limit_bytes=2000)
    with pytest.raises(CompanionError, match="take over 1999 bytes"):
        extract_members(archive, ["a", "b"], tmp_path / "out", limit_bytes=1999)
    assert sum(map(len, tree(tmp_path / "out").values())) <= 1999


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_empty_and_missing(tmp_path: Path, kind: str) -> None:
    content = np.random.default_rng(0).bytes(50000)
    archive = pack(tmp_path, kind, {"a": content})
    archive.write_bytes(archive.read_bytes()[:20000])
    with pytest.raises(CompanionError, match=rf"a\.{kind}: "):
        extract_members(archive, ["a"], tmp_path / "out")
    archive.write_bytes(b"")
    with pytest.raises(CompanionError, match=rf"a\.{kind}: cannot be unpacked"):
        extract_members(archive, ["a"], tmp_path / "out2")
    with pytest.raises(CompanionError, match=r"no such archive; check the name"):
        extract_members(tmp_path / f"none.{kind}", ["a"], tmp_path / "out3")


def test_unknown_kind(tmp_path: Path) -> None:
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    with pytest.raises(CompanionError, match=r"a\.rar: not a known kind of archive; use \.tar"):
        extract_members(tmp_path / "a.rar", ["a"], tmp_path / "out")


def test_inside_cached_a_failed_try_leaves_nothing_behind(tmp_path: Path) -> None:
    archive = pack(tmp_path, "tar", {"a": b"1"})
    with pytest.raises(CompanionError):
        cached("unpacked", {"x": 1}, lambda folder: extract_members(archive, ["a", "b"], folder))
    folder = cached("unpacked", {"x": 1}, lambda folder: extract_members(archive, ["a"], folder))
    assert (folder / "a").read_bytes() == b"1"


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(("tar", "tar.gz", "zip")), at=st.integers(0, 10**6), junk=st.binary(min_size=1, max_size=8))
def test_damage_gives_bytes_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, kind: str, at: int, junk: bytes
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    archive = pack(folder, kind, {"a": b"hello" * 50, "b/c": b"x" * 3000})
    data = bytearray(archive.read_bytes())
    at %= min(len(data), 5000)
    data[at : at + len(junk)] = junk
    archive.write_bytes(bytes(data))
    try:
        extract_members(archive, ["a", "b/c"], folder / "out", limit_bytes=10**6)
    except CompanionError as error:
        assert str(error).startswith(f"a.{kind}: ")
    assert {p.name for p in folder.iterdir()} <= {archive.name, "out"}


@given(st.text(st.sampled_from("a/.\\:\n\x00 é"), max_size=12))
def test_safe_path_stays_inside(text: str) -> None:
    if is_safe_path(text):
        root = Path("/folder")
        inside = Path(root, text)
        assert inside.is_relative_to(root) and inside != root and ".." not in inside.parts
        assert inside.relative_to(root).as_posix() == text


def photos(path: Path, n: int = 6) -> Path:
    with tarfile.open(path, "w") as tar:
        add(tar, "photos", kind=tarfile.DIRTYPE)
        for i in range(n):
            stream = io.BytesIO()
            Image.new("RGB", (5, 4), (i, 2 * i, 3 * i)).save(stream, "PNG")
            add(tar, f"photos/{i}.png", stream.getvalue())
        add(tar, "photos/link.png", kind=tarfile.SYMTYPE, link="/etc/passwd")
    return path


def red(image: Image.Image) -> int:
    return int(np.asarray(image)[0, 0, 0])


def test_tar_images(tmp_path: Path) -> None:
    images = TarImages(photos(tmp_path / "p.tar"))
    assert images.names == tuple(f"photos/{i}.png" for i in range(6))
    assert [red(image) for image in images] == list(range(6))
    assert [red(image) for image in images[4:1:-1]] == [4, 3, 2]
    some = TarImages(tmp_path / "p.tar", ["photos/5.png", "photos/2.png"])
    assert len(some) == 2 and [red(image) for image in some] == [5, 2]


def red_of(work: tuple[TarImages, int]) -> int:
    return red(work[0][work[1]])


def test_tar_images_in_threads_and_processes(tmp_path: Path) -> None:
    images = TarImages(photos(tmp_path / "p.tar"))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda i: red(images[i % 6]), range(200))) == [i % 6 for i in range(200)]
    with multiprocessing.get_context("fork").Pool(2) as workers:
        assert workers.map(red_of, [(images, i) for i in range(6)]) == list(range(6))
    assert red(pickle.loads(pickle.dumps(images))[3]) == 3


def test_tar_index_follows_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = photos(tmp_path / "p.tar")
    TarImages(path)
    with monkeypatch.context() as patch:
        patch.setattr(tarfile, "open", lambda *args, **kwargs: pytest.fail("the index was built before"))
        assert len(TarImages(path)) == 6
    photos(path, 40)
    assert len(TarImages(path)) == 40 and red(TarImages(path)[39]) == 39


def test_tar_images_errors(tmp_path: Path) -> None:
    path = photos(tmp_path / "p.tar")
    with pytest.raises(CompanionError, match=r"p\.tar: 1 images are not in it, first 'photos/link.png'"):
        TarImages(path, ["photos/0.png", "photos/link.png"])
    with pytest.raises(CompanionError, match="no such archive"):
        TarImages(tmp_path / "none.tar")
    (tmp_path / "bad.tar").write_bytes(b"x" * 2000)
    with pytest.raises(CompanionError, match=r"bad\.tar: cannot be unpacked"):
        TarImages(tmp_path / "bad.tar")
    with tarfile.open(tmp_path / "q.tar", "w") as tar:
        add(tar, "a.jpg", b"no image")
        add(tar, "a.jpg", b"")
    with pytest.raises(CompanionError, match=r"member a\.jpg appears twice"):
        TarImages(tmp_path / "q.tar")
    with tarfile.open(tmp_path / "r.tar", "w") as tar:
        add(tar, "a.jpg", b"no image")
    with pytest.raises(CompanionError, match=r"^r\.tar/a\.jpg: empty, or not an image"):
        TarImages(tmp_path / "r.tar")[0]
