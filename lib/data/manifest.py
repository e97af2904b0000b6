"""`data_manifest.yaml`: every file of every dataset, where it comes from, what it must hash to, who may use it."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from lib.data.archive import is_safe_path
from lib.data.errors import CompanionError
from lib.data.files import ROOT
from lib.data.yaml import display, load_yaml

HUB = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)@(?P<commit>[0-9a-f]{40})/(?P<file>[^?#\s]+)")
"""A file of a Hugging Face repository at a commit; a branch name would not pin anything."""


def https_url(url: str) -> str:
    """The address to fetch: an https url is its own, `hf://owner/name@commit/file` becomes the hub's."""
    match = HUB.fullmatch(url)
    return "https://huggingface.co/{repo}/resolve/{commit}/{file}".format(**match.groupdict()) if match else url


def _relative(text: str) -> str:
    if not is_safe_path(text):
        raise ValueError("must be a relative path with / between its parts, without .., drive letter or backslash")
    return text


def _url(text: str) -> str:
    if HUB.fullmatch(text):
        return text
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.username or re.search(r"\s", text):
        raise ValueError("must be https://... or hf://owner/name@<40-digit commit>/file")
    return text


Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Url = Annotated[str, AfterValidator(_url)]
RelativePath = Annotated[str, AfterValidator(_relative)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Archive(_Strict):
    """Which members of an archive are unpacked, and how many leading folders of their names are dropped."""

    format: Literal["tar", "tar.gz", "zip"]
    members: Annotated[list[RelativePath], Field(min_length=1)]
    strip: Annotated[int, Field(ge=0)] = 0


class File(_Strict):
    """One file. `path` is its place under `COMPANION_DATA`, and under `data/` in the cache."""

    path: RelativePath
    urls: list[Url] = []
    sha256: Sha256 | None
    sha256_note: Text | None = None
    bytes: PositiveInt | None
    archive: Archive | None = None


class Licence(_Strict):
    """SPDX identifier, or `LicenseRef-...` for a licence that has none."""

    spdx: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*$")]
    url: Url | None = None
    redistributable: bool


class Citation(_Strict):
    doi: Annotated[str, Field(pattern=r"^10\.\d{4,9}/\S+$")] | None = None
    bibtex: Text | None = None


class Split(_Strict):
    """ids_sha256: the hash of the ordered ids, one a line, each line ended by a newline."""

    name: Text
    count: PositiveInt
    ids_sha256: Sha256 | None = None


class UsedBy(_Strict):
    notebooks: list[Text] = []
    papers: list[Annotated[int, Field(ge=1, le=4)]] = []


class Dataset(_Strict):
    """One entry of the manifest."""

    title: Text
    kind: Literal["images", "text", "image-text", "weights", "vocabulary", "synthetic"]
    version: Text
    description: Text
    homepage: Url | None = None
    citation: Citation | None = None
    licence: Licence
    access: Literal["public", "gated", "manual", "synthetic"]
    how_to_obtain: Text | None = None
    retrieved: date | None
    files: list[File]
    splits: list[Split] = []
    preprocessing: Text | None = None
    tiny: str | None = None
    used_by: UsedBy

    def fetchable(self, file: File) -> bool:
        """Whether the file may be fetched without asking anybody, and can be checked when it comes."""
        return self.access == "public" and file.sha256 is not None and bool(file.urls)


class Manifest(_Strict):
    """The whole file; loading it checks every rule, across entries too."""

    manifest_version: Literal[1]
    datasets: dict[Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")], Dataset]

    @model_validator(mode="after")
    def _rules(self) -> Manifest:
        for problem in _problems(self.datasets):
            raise ValueError(problem)
        return self

    def dataset(self, name: str) -> Dataset:
        """The entry called `name`."""
        if name not in self.datasets:
            raise CompanionError(f"no dataset {name!r} in the manifest; {nearest(name, self.datasets)}")
        return self.datasets[name]

    def file(self, dataset: str, path: str) -> File:
        """The file of a dataset with this `path`."""
        files = {file.path: file for file in self.dataset(dataset).files}
        if path not in files:
            raise CompanionError(f"dataset {dataset!r} has no file {path!r}; {nearest(path, files)}")
        return files[path]


def load_manifest(path: Path | None = None) -> Manifest:
    """Read and check a manifest; by default the one in the repository. The first broken rule is a one-line error."""
    path = path or ROOT / "data_manifest.yaml"
    value = load_yaml(path)
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        raise CompanionError(f"{display(path)}: {_first(error)}") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for somebody who mistyped a name."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"known: {', '.join(known)}" if known else "it has none"


def _problems(datasets: dict[str, Dataset]) -> Iterator[str]:
    """Broken rules that a single field does not show."""
    owners: dict[str, str] = {}
    for name, entry in datasets.items():
        if not entry.how_to_obtain and entry.access in ("gated", "manual"):
            yield f"{name}.how_to_obtain: required, because access is {entry.access}; say it in plain words"
        if not entry.tiny and entry.access in ("gated", "manual"):
            yield f"{name}.tiny: required, because access is {entry.access}; name a stand-in that needs no download"
        if entry.tiny and (entry.tiny == name or entry.tiny not in datasets):
            yield f"{name}.tiny: {entry.tiny!r} is not another dataset; {nearest(entry.tiny, set(datasets) - {name})}"
        elif entry.tiny and datasets[entry.tiny].access not in ("public", "synthetic"):
            yield f"{name}.tiny: {entry.tiny!r} cannot be had by everybody; name a public or synthetic dataset"
        if (entry.kind == "synthetic") != (entry.access == "synthetic"):
            yield f"{name}.access: kind is {entry.kind} and access is {entry.access}; synthetic goes with synthetic"
        if bool(entry.files) == (entry.access == "synthetic"):
            yield f"{name}.files: synthetic data has no files and all other data has at least one"
        if not entry.retrieved and any(file.sha256 for file in entry.files):
            yield f"{name}.retrieved: give the date on which the hashes were taken"
        if split := _repeated(split.name for split in entry.splits):
            yield f"{name}.splits: {split} appears twice; give each split its own name"
        for i, file in enumerate(entry.files):
            yield from _file_problems(f"{name}.files[{i}]", file, entry)
            # Not even a difference of case: some file systems see none.
            owner = owners.setdefault(file.path.casefold(), f"{name}.files[{i}]")
            if owner != f"{name}.files[{i}]":
                yield f"{name}.files[{i}].path: {file.path} is also the path of {owner}; give each file its own"


def _file_problems(where: str, file: File, entry: Dataset) -> Iterator[str]:
    if file.sha256 is None and file.sha256_note is None:
        yield f"{where}.sha256_note: required, because sha256 is null; say why"
    if file.bytes is None and file.sha256 is not None:
        yield f"{where}.bytes: may be null only where sha256 is null"
    if not file.urls and not entry.how_to_obtain:
        yield f"{where}.urls: give at least one, or say in how_to_obtain where the file comes from"
    if url := _repeated(file.urls):
        yield f"{where}.urls: {url} appears twice; give each mirror once"
    if file.archive is None:
        return
    if not file.path.endswith(f".{file.archive.format}"):
        yield f"{where}.archive.format: {file.archive.format} does not fit the name {file.path}"
    if member := _repeated(file.archive.members):
        yield f"{where}.archive.members: {member} appears twice; list it once"
    if any(member.count("/") < file.archive.strip for member in file.archive.members):
        yield f"{where}.archive.strip: {file.archive.strip} leaves nothing of a member's name; make it smaller"


def _repeated(names: Iterable[str]) -> str | None:
    return next((name for name, times in Counter(names).items() if times > 1), None)


def _first(error: ValidationError) -> str:
    """The first problem as `entry.field[0].field: what is wrong`."""
    problem = error.errors()[0]
    where = ""
    for part in problem["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}"
    where = where.removeprefix(".datasets").removeprefix(".")
    if problem["type"] == "value_error":
        what = str(problem["ctx"]["error"])
    elif problem["type"] == "missing":
        what = "is missing"
    elif problem["type"] == "extra_forbidden":
        what = "is not a known field; remove it or check the spelling"
    else:
        what = problem["msg"][0].lower() + problem["msg"][1:]
    if problem["type"] not in ("missing", "extra_forbidden") and not isinstance(problem["input"], (dict, BaseModel)):
        what += f" (got {_short(problem['input'])})"
    return f"{where}: {what}" if where else what


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
