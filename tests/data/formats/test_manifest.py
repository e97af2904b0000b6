"""The manifest: the committed one is valid, and every broken rule is one line that names entry and field."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.base.names import nearest
from lib.base.places import NOTEBOOKS, PROFILES, find_notebook
from lib.data.formats.fetch import verify
from lib.data.formats.manifest import https_url, load_manifest
from lib.worlds.profiles import load_profile

HASH = "0123456789abcdef" * 4
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def valid() -> dict[str, Any]:
    """A manifest that uses every field of the schema."""
    scenes = {
        "title": "Scenes",
        "kind": "synthetic",
        "version": "1",
        "description": "drawn",
        "licence": {"spdx": "MIT", "redistributable": True},
        "access": "synthetic",
        "retrieved": None,
        "files": [],
        "used_by": {},
    }
    photos = {
        "title": "Photos",
        "kind": "image-text",
        "version": "2026",
        "description": "Photos with captions",
        "homepage": "https://example.org/photos",
        "citation": {"doi": "10.1234/abc", "bibtex": "@article{a}"},
        "licence": {"spdx": "LicenseRef-own", "url": "https://example.org/licence", "redistributable": False},
        "access": "gated",
        "how_to_obtain": "ask for it",
        "retrieved": "2026-01-02",
        "files": [
            {
                "path": "photos/a.tar.gz",
                "urls": ["https://example.org/a.tar.gz", f"hf://owner/name@{COMMIT}/a.tar.gz"],
                "sha256": HASH,
                "bytes": 12,
                "archive": {"format": "tar.gz", "members": ["top/a", "top/b"], "strip": 1},
            },
            {"path": "photos/b.csv", "sha256": None, "sha256_note": "not seen yet", "bytes": None},
            {"path": "photos/c.npy", "sha256": HASH, "bytes": 3, "made_from": ["photos/b.csv"]},
        ],
        "splits": [{"name": "train", "count": 3, "ids_sha256": HASH}, {"name": "test", "count": 1}],
        "preprocessing": "none",
        "tiny": "scenes",
        "used_by": {"notebooks": ["10_monosemanticity"], "papers": [1, 4]},
    }
    return {"manifest_version": 1, "datasets": {"scenes": scenes, "photos": photos}}


def load(folder: Path, value: Any) -> Any:
    path = folder / "m.yaml"
    # The date is text in `valid` so that it survives json-like copying; unquoted it is a date again.
    path.write_text(yaml.dump(value, Dumper=NoAlias, sort_keys=False).replace("'2026-01-02'", "2026-01-02"))
    return load_manifest(path)


class NoAlias(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def set_at(value: Any, where: str, new: Any) -> Any:
    """`valid` with one place changed; `where` is written as in the error messages."""
    value = copy.deepcopy(value)
    *way, last = [int(p) if p.isdigit() else p for p in re.findall(r"[^.\[\]]+", where)]
    part = value["datasets"]
    for step in way:
        part = part[step]
    if new is DELETE:
        del part[last]
    else:
        part[last] = new
    return value


DELETE = object()


def test_valid_one_loads(tmp_path: Path) -> None:
    manifest = load(tmp_path, valid())
    assert manifest.file("photos", "photos/a.tar.gz").sha256 == HASH
    assert manifest.dataset("photos").files[1].urls == []


FILE = "photos.files[0]"
WRONG: list[tuple[str, Any, str]] = [
    ("photos.title", DELETE, "is missing"),
    ("photos.title", "  ", "should match pattern"),
    ("photos.titel", "x", "is not a known field"),
    ("photos.kind", "video", "should be 'images', 'text'"),
    ("photos.version", 2026, "valid string"),
    ("photos.homepage", "http://example.org", "must be https://"),
    ("photos.citation.doi", "abc", "should match pattern"),
    ("photos.licence", DELETE, "is missing"),
    ("photos.licence.spdx", "no licence", "should match pattern"),
    ("photos.licence.redistributable", "yes, surely", "valid boolean"),
    ("photos.access", "open", "should be 'public', 'gated'"),
    ("photos.how_to_obtain", DELETE, "required, because access is gated"),
    ("photos.tiny", DELETE, "required, because access is gated"),
    ("photos.tiny", "scene", "did you mean scenes?"),
    ("photos.tiny", "photos", "is not another dataset"),
    ("photos.access", "synthetic", "synthetic goes with synthetic"),
    ("scenes.access", "public", "synthetic goes with synthetic"),
    ("photos.files", [], "all other data has at least one"),
    ("photos.retrieved", None, "give the date"),
    ("photos.retrieved", "last week", "valid date"),
    ("photos.splits[0].count", 0, "greater than 0"),
    ("photos.splits[1].name", "train", "photos.splits: train appears twice"),
    ("photos.splits[0].ids_sha256", "ff", "should match pattern"),
    ("photos.used_by.papers[0]", 5, "less than or equal to 4"),
    ("photos.used_by", DELETE, "is missing"),
    (f"{FILE}.path", "/etc/passwd", "must be a relative path"),
    (f"{FILE}.path", "a/../b.tar.gz", "must be a relative path"),
    (f"{FILE}.path", "C:/b.tar.gz", "must be a relative path"),
    (f"{FILE}.path", "a\\b.tar.gz", "must be a relative path"),
    (f"{FILE}.path", "./b.tar.gz", "must be a relative path"),
    (f"{FILE}.path", "", "must be a relative path"),
    ("photos.files[1].path", "photos/A.tar.gz", "is also the path of photos.files[0]"),
    (f"{FILE}.urls[0]", "http://example.org/a", "must be https://"),
    (f"{FILE}.urls[0]", "ftp://example.org/a", "must be https://"),
    (f"{FILE}.urls[0]", "file:///etc/passwd", "must be https://"),
    (f"{FILE}.urls[0]", "https://me:secret@example.org/a", "must be https://"),
    (f"{FILE}.urls[0]", "https:///a", "must be https://"),
    (f"{FILE}.urls[0]", "https://[", ""),
    (f"{FILE}.urls[0]", "hf://owner/name@main/a", "must be https://"),
    (f"{FILE}.urls[1]", "https://example.org/a.tar.gz", "photos.files[0].urls: https://example.org/a.tar.gz appears"),
    (f"{FILE}.sha256", HASH.upper(), "should match pattern"),
    (f"{FILE}.sha256", HASH[:-1], "should match pattern"),
    (f"{FILE}.sha256", HASH + "\n", "should match pattern"),
    (f"{FILE}.sha256", DELETE, "is missing"),
    (f"{FILE}.sha256", None, "photos.files[0].sha256_note: required, because sha256 is null"),
    (f"{FILE}.bytes", 0, "greater than 0"),
    (f"{FILE}.bytes", -5, "greater than 0"),
    (f"{FILE}.bytes", "12", "valid integer"),
    (f"{FILE}.bytes", True, "valid integer"),
    (f"{FILE}.bytes", None, "may be null only where sha256 is null"),
    (f"{FILE}.archive.members", [], "at least 1 item"),
    (f"{FILE}.archive.members", DELETE, "is missing"),
    (f"{FILE}.archive.members[1]", "../b", "must be a relative path"),
    (f"{FILE}.archive.members[1]", "top/a", "photos.files[0].archive.members: top/a appears twice"),
    (f"{FILE}.archive.format", "rar", "should be 'tar'"),
    (f"{FILE}.archive.format", "zip", "does not fit the name"),
    ("photos.files[2].made_from[0]", "/b.csv", "must be a relative path"),
    (f"{FILE}.archive.strip", -1, "greater than or equal to 0"),
    (f"{FILE}.archive.strip", 2, "leaves nothing of a member's name"),
    ("photos.files[2].made_from", ["photos/x.csv"], "photos/x.csv is not a published file of this dataset"),
    ("photos.files[2].made_from", ["photos/c.npy"], "photos/c.npy is not a published file of this dataset"),
]


@pytest.mark.parametrize(("where", "new", "says"), WRONG, ids=[f"{w}-{i}" for i, (w, _, _) in enumerate(WRONG)])
def test_broken_rules_name_entry_and_field(tmp_path: Path, where: str, new: Any, says: str) -> None:
    with pytest.raises(CompanionError) as error:
        load(tmp_path, set_at(valid(), where, new))
    line = str(error.value)
    named = says.split(": ")[0] if says.startswith("photos.") else where
    assert line.startswith(f"{tmp_path}/m.yaml: {named}: "), line
    assert says in line


def test_a_public_file_needs_a_way_to_it(tmp_path: Path) -> None:
    value = set_at(set_at(valid(), "photos.access", "public"), "photos.how_to_obtain", DELETE)
    with pytest.raises(CompanionError, match=r"photos\.files\[1\]\.urls: give at least one, or say in how_to_obtain"):
        load(tmp_path, value)


def test_a_stand_in_must_be_free(tmp_path: Path) -> None:
    value = valid()
    value["datasets"]["more"] = {**copy.deepcopy(value["datasets"]["photos"]), "tiny": "photos"}
    for file in value["datasets"]["more"]["files"]:
        file["path"] = "more/" + file["path"]
    with pytest.raises(CompanionError, match=r"more\.tiny: 'photos' is not available to everybody"):
        load(tmp_path, value)


@pytest.mark.parametrize("value", [None, [], "text", 3, {}, {"manifest_version": 2, "datasets": {}}, {"datasets": {}}])
def test_other_shapes(tmp_path: Path, value: Any) -> None:
    with pytest.raises(CompanionError, match=r"m\.yaml: "):
        load(tmp_path, value)


@pytest.mark.parametrize("name", ["Photos", "a b", "-a", "", 7])
def test_dataset_names(tmp_path: Path, name: Any) -> None:
    value = valid()
    value["datasets"][name] = value["datasets"].pop("scenes")
    with pytest.raises(CompanionError, match=r"m\.yaml: "):
        load(tmp_path, value)


def test_duplicate_dataset(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("manifest_version: 1\ndatasets:\n  a: {}\n  a: {}\n")
    with pytest.raises(CompanionError, match=r"m\.yaml, line 4: key 'a' appears twice"):
        load_manifest(tmp_path / "m.yaml")


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, part in inner for place in [(*way, key), *places(part, (*way, key))]]


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**70),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(["https://", "hf://a", "..", "10.1/", HASH, "2026-01-02", "scenes"]),
    st.just([]),
    st.just({}),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(places(valid())), change=st.sampled_from(["set", "drop", "add"]), junk=JUNK)
def test_mutants_load_or_give_one_line(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[Any, ...], change: str, junk: Any
) -> None:
    value = valid()
    part = value
    for step in place[:-1]:
        part = part[step]
    if change == "set":
        part[place[-1]] = junk
    elif change == "drop":
        del part[place[-1]]
    elif isinstance(part, dict):
        part[str(junk)] = junk
    else:
        part.append(junk)
    try:
        load(tmp_path_factory.mktemp("manifest"), value)
    except CompanionError as error:
        assert "m.yaml" in str(error) and "\n" not in str(error) and len(str(error)) < 500


def test_nearest_names(tmp_path: Path) -> None:
    manifest = load(tmp_path, valid())
    with pytest.raises(CompanionError, match="no dataset 'photo' in the manifest; did you mean photos"):
        manifest.dataset("photo")
    with pytest.raises(CompanionError, match="no dataset 'xyz' in the manifest; known: photos, scenes"):
        manifest.dataset("xyz")
    with pytest.raises(CompanionError, match=r"'photos' has no file 'photos/d\.csv'; did you mean photos/b\.csv"):
        manifest.file("photos", "photos/d.csv")
    with pytest.raises(CompanionError, match="has no file 'x'; it has none"):
        manifest.file("scenes", "x")
    assert nearest("x", []) == "it has none"


def test_hub_addresses() -> None:
    assert https_url(f"hf://a/b@{COMMIT}/c/d.bin") == f"https://huggingface.co/a/b/resolve/{COMMIT}/c/d.bin"
    assert https_url("https://example.org/x") == "https://example.org/x"


def test_what_may_be_fetched(tmp_path: Path) -> None:
    manifest = load(tmp_path, set_at(valid(), "photos.access", "public"))
    entry = manifest.dataset("photos")
    assert [entry.fetchable(file) for file in entry.files] == [True, False, False]
    assert entry.sources(entry.files[2]) == [entry.files[1]]
    gated = load(tmp_path, valid()).dataset("photos")
    assert not gated.fetchable(gated.files[0])


def test_the_committed_manifest() -> None:
    manifest = load_manifest()
    assert {"scenes", "clip-arrays", "flickr8k"} <= set(manifest.datasets)
    assert manifest == load_manifest(ROOT / "data_manifest.yaml")
    for name, entry in manifest.datasets.items():
        assert (
            entry.access == "synthetic"
            or entry.how_to_obtain
            or all(file.urls or file.made_from for file in entry.files)
        ), name
        assert all(file.sha256 for file in entry.files if file.urls and entry.access == "public"), name


@pytest.mark.data
def test_real_files_are_those_of_the_manifest(data_root: Path, cache: Path) -> None:
    found = {path: state for name in load_manifest().datasets for path, state in verify(name) if state != "missing"}
    assert "clip-arrays/coco500-vitb16/features_clip.npy" in found
    assert set(found.values()) == {"ok"}


def test_datasets_and_notebooks_name_each_other():
    datasets = load_manifest().datasets
    stems = {path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")}
    for name, dataset in datasets.items():
        assert set(dataset.used_by.notebooks) <= stems, name
    for path in PROFILES.glob("*.yaml"):
        profile = load_profile(path.stem)
        shown = {find_notebook(number).stem for number in profile.notebooks if number not in profile.own_profile}
        for name in profile.needs:
            assert shown <= set(datasets[name].used_by.notebooks), f"{name} is needed by profile {path.stem}"
