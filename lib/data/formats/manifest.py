"""`data_manifest.yaml`: every file of every dataset, its source, its hash, and its licence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from lib.base.errors import CompanionError
from lib.base.files import ROOT, is_safe_path, state_of
from lib.base.names import nearest
from lib.base.validation import first_problem
from lib.base.yaml import display, load_yaml

_HUB = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)@(?P<commit>[0-9a-f]{40})/(?P<file>[^?#\s]+)")
"""The address of a file in a Hugging Face repository at a commit; a branch name would not pin anything."""


def https_url(url: str) -> str:
    """Return the https address of a url; `hf://owner/name@commit/file` becomes an address of the hub."""
    match = _HUB.fullmatch(url)
    return "https://huggingface.co/{repo}/resolve/{commit}/{file}".format(**match.groupdict()) if match else url


def _relative(text: str) -> str:
    if not is_safe_path(text):
        raise ValueError("must be a relative path with / between its parts, without .., drive letter or backslash")
    return text


def _url(text: str) -> str:
    if _HUB.fullmatch(text):
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
    """The part of an archive that is unpacked."""

    format: Literal["tar", "tar.gz", "zip"]
    """The kind of archive, which is also the ending of its name."""
    members: Annotated[list[RelativePath], Field(min_length=1)]
    """The members that are unpacked."""
    strip: Annotated[int, Field(ge=0)] = 0
    """The number of leading folders that are dropped from the members' names."""


class File(_Strict):
    """A file of a dataset."""

    path: RelativePath
    """Its place under `COMPANION_DATA`, and under `data/` in the cache."""
    urls: list[Url] = []
    """The addresses to fetch it from, tried in this order."""
    sha256: Sha256 | None
    """Its hash, or None where it is not known."""
    sha256_note: Text | None = None
    """The reason why the hash is not known."""
    bytes: PositiveInt | None
    """Its size, or None where it is not known."""
    archive: Archive | None = None
    """The part of it that is unpacked, if it is an archive."""
    made_from: list[RelativePath] = []
    """The files of the dataset from which its reader makes this one where it is not here."""


class Licence(_Strict):
    """The licence of a dataset."""

    spdx: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*$")]
    """Its SPDX identifier, or `LicenseRef-...` for a licence that has none."""
    url: Url | None = None
    """The address of its text."""
    redistributable: bool
    """Whether it allows others to publish the files."""


class Citation(_Strict):
    """The reference to cite for a dataset."""

    doi: Annotated[str, Field(pattern=r"^10\.\d{4,9}/\S+$")] | None = None
    bibtex: Text | None = None


class Split(_Strict):
    """A split of a dataset."""

    name: Text
    count: PositiveInt
    """The number of its items."""
    ids_sha256: Sha256 | None = None
    """The hash of its ordered ids, one per line, where each line ends with a line feed."""


class UsedBy(_Strict):
    """The uses of a dataset."""

    notebooks: list[Text] = []
    papers: list[Annotated[int, Field(ge=1, le=4)]] = []


class Dataset(_Strict):
    """An entry of the manifest."""

    title: Text
    kind: Literal["images", "text", "image-text", "weights", "vocabulary", "synthetic"]
    version: Text
    description: Text
    homepage: Url | None = None
    citation: Citation | None = None
    licence: Licence
    access: Literal["public", "gated", "manual", "synthetic"]
    how_to_obtain: Text | None = None
    """The way to get files that cannot be fetched."""
    retrieved: date | None
    """The date on which the hashes were taken."""
    files: list[File]
    splits: list[Split] = []
    preprocessing: Text | None = None
    """The way in which the files were made from those of the source."""
    tiny: str | None = None
    """The dataset that stands in for this one and needs no download."""
    used_by: UsedBy

    def fetchable(self, file: File) -> bool:
        """Return whether a file may be fetched without asking anybody, and can be verified."""
        return self.access == "public" and file.sha256 is not None and bool(file.urls)

    def sources(self, file: File) -> list[File]:
        """Return the files from which a file is made."""
        return [one for one in self.files if one.path in file.made_from]


class Manifest(_Strict):
    """The whole manifest; loading it checks every rule, also those across entries."""

    manifest_version: Literal[1]
    datasets: dict[Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")], Dataset]

    @model_validator(mode="after")
    def _rules(self) -> Manifest:
        for problem in _problems(self.datasets):
            raise ValueError(problem)
        return self

    def dataset(self, name: str) -> Dataset:
        """Return the entry with this name."""
        if name not in self.datasets:
            raise CompanionError(f"no dataset {name!r} in the manifest; {nearest(name, self.datasets)}")
        return self.datasets[name]

    def file(self, dataset: str, path: str) -> File:
        """Return the file of a dataset with this `path`."""
        files = {file.path: file for file in self.dataset(dataset).files}
        if path not in files:
            raise CompanionError(f"dataset {dataset!r} has no file {path!r}; {nearest(path, files)}")
        return files[path]


def load_manifest(path: Path | None = None) -> Manifest:
    """Read and check a manifest, by default the one in the repository; a broken rule is an error of one line."""
    path = path or ROOT / "data_manifest.yaml"
    return _checked(path, state_of([path]) if path.is_file() else "")


@cache
def _checked(path: Path, _state: str) -> Manifest:
    """Read a manifest once per state of its file, because every file of every dataset needs it."""
    value = load_yaml(path)
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        raise CompanionError(f"{display(path)}: {_first(error)}") from None


def _problems(datasets: dict[str, Dataset]) -> Iterator[str]:
    """Find the broken rules that concern several fields."""
    owners: dict[str, str] = {}
    for name, entry in datasets.items():
        if not entry.how_to_obtain and entry.access in ("gated", "manual"):
            yield f"{name}.how_to_obtain: required, because access is {entry.access}; say it in plain words"
        if not entry.tiny and entry.access in ("gated", "manual"):
            yield f"{name}.tiny: required, because access is {entry.access}; name a stand-in that needs no download"
        if entry.tiny and (entry.tiny == name or entry.tiny not in datasets):
            yield f"{name}.tiny: {entry.tiny!r} is not another dataset; {nearest(entry.tiny, set(datasets) - {name})}"
        elif entry.tiny and datasets[entry.tiny].access not in ("public", "synthetic"):
            yield f"{name}.tiny: {entry.tiny!r} is not available to everybody; name a public or synthetic dataset"
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
    if not file.urls and not file.made_from and not entry.how_to_obtain:
        yield f"{where}.urls: give at least one, or say in how_to_obtain where the file comes from"
    plain = {one.path for one in entry.files if not one.made_from}
    if unknown := next((source for source in file.made_from if source not in plain), None):
        yield f"{where}.made_from: {unknown} is not a published file of this dataset; {nearest(unknown, plain)}"
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
    """Describe the first problem as `entry.field[0].field: what is wrong`."""
    problem = first_problem(error)
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.place)
    where = where.removeprefix(".datasets").removeprefix(".")
    known = {"missing": "is missing", "extra_forbidden": "is not a known field; remove it or check the spelling"}
    what = known.get(problem.kind, problem.message)
    if problem.kind not in (*known, "value_error"):
        what = what[0].lower() + what[1:]
    if problem.kind not in known and not isinstance(problem.value, (dict, BaseModel)):
        what += f" (got {_short(problem.value)})"
    return f"{where}: {what}" if where else what


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
