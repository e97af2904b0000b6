"""Small jobs of the product that end in files, for killing at every step, filling disks, and running in parallel."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
import pandas as pd
import papermill
import pooch
import torch
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook

from lib.base.errors import CompanionError
from lib.base.files import cached, write_atomic
from lib.data.formats import fetch
from lib.data.formats.archive import extract_members
from lib.data.formats.manifest import load_manifest
from lib.editing import train_masker
from lib.editing.masker import MaskerConfig
from lib.encoders.store import embed
from lib.report.evidence import not_measured
from lib.run.runner import Task, run_notebook
from lib.sae.config import SAEConfig, TrainConfig
from lib.sae.training import train
from lib.worlds.session import start
from tests.editing.toy import toy as toy_pairs
from tests.encoders.examples import Toy, make_pairs
from tests.sae.reference import toy
from tests.trust.common import kept

inputs = Path()
"""Where `ready` has put what the works read."""

CONTENT = bytes(range(256)) * 400
MANIFEST = f"""manifest_version: 1
datasets:
  made:
    title: t
    kind: synthetic
    version: "1"
    description: d
    licence: {{spdx: MIT, redistributable: true}}
    access: synthetic
    retrieved: null
    files: []
    used_by: {{}}
  far:
    title: t
    kind: text
    version: "1"
    description: d
    licence: {{spdx: MIT, redistributable: true}}
    access: public
    retrieved: 2026-01-02
    tiny: made
    files:
      - path: far/f.bin
        urls: [https://first.example/f, https://second.example/f]
        sha256: {hashlib.sha256(CONTENT).hexdigest()}
        bytes: {len(CONTENT)}
    used_by: {{}}
"""


def training() -> None:
    """A dictionary, with a checkpoint every eight steps."""
    with mock.patch.object(train, "train", partial(train.train, checkpoint_every=8)):
        train.train_cached(TrainConfig(SAEConfig("batch_topk", 24, 3), steps=30, batch=64, log_every=8), toy(200))


def masker() -> None:
    """A masker, with a checkpoint every five steps."""
    made = toy_pairs(60)
    with mock.patch.object(train_masker, "train_masker", partial(train_masker.train_masker, checkpoint_every=5)):
        train_masker.train_masker_cached(MaskerConfig(steps=12, batch=16), made.sae, made.pairs)


def embedding() -> None:
    """Three shards, joined."""
    embed(make_pairs(), Toy(), batch=2, shard=4)


def unpacking() -> None:
    """Two members of an archive."""
    cached("unpacked", {"archive": "a"}, partial(extract_members, inputs / "a.zip", ["in/a", "in/b"]))


def fetching() -> None:
    """A file whose first address breaks off."""

    def download(url: str, output: Any, pooch: Any) -> None:
        Path(output).write_bytes(CONTENT if "second" in url else CONTENT[:1000])

    with (
        mock.patch.object(fetch, "load_manifest", lambda: load_manifest(inputs / "m.yaml")),
        mock.patch.object(pooch, "HTTPDownloader", lambda **_: download),
    ):
        assert fetch.locate("far", "far/f.bin").read_bytes() == CONTENT


def notebook() -> None:
    """A notebook that writes a claim, a table and a figure, by the runner, without a kernel."""
    path = inputs / "10_monosemanticity.ipynb"

    def execute(source: Path, output: Path, parameters: dict[str, Any], **_: Any) -> None:
        session = start(source.stem, parameters["profile"])
        session.claim(not_measured("p1.C4", "nothing to score"))
        session.table("curve", pd.DataFrame({"x": [1, 2], "y": [0.1, 0.25]}), decimals=2)
        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([1, 2], [0.1, 0.25])
        session.figure(figure, "curve")
        write_atomic(output, nbformat.writes(nbformat.read(source, 4)))

    with mock.patch.object(papermill, "execute_notebook", execute):
        outcome = run_notebook(Task(path, "scenes", {}))
        if outcome.status == "failed":
            raise CompanionError(outcome.message)
        assert run_notebook(Task(path, "scenes", {})).status == "current"


WORKS: dict[str, Callable[[], None]] = {
    "training": training,
    "masker": masker,
    "embedding": embedding,
    "unpacking": unpacking,
    "fetching": fetching,
    "notebook": notebook,
}


def settle(root: Path) -> None:
    """Use a cache and results under a folder."""
    os.environ |= {"COMPANION_CACHE": str(root / "cache"), "COMPANION_RESULTS": str(root / "results")}
    os.environ.pop("COMPANION_DATA", None)


def begin(name: str, root: Path, before: Callable[[], None] = lambda: None) -> int:
    """Start a work in a process of its own, after `before`; its number.

    It ends with 0; with 2 and a line, as the command line does where something is wrong; or with 1 and a traceback.
    """
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    try:
        settle(root)
        before()
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            WORKS[name]()
        os._exit(0)
    except CompanionError as error:
        os.write(2, f"{error}\n".encode())
        os._exit(2)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def end(child: int) -> int:
    """Wait for a process; its exit code, negative if a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def ready(folder: Path) -> None:
    """Write what the works read into a folder, and make what every one of them would make again."""
    global inputs
    inputs = folder
    os.environ["COMPANION_QUIET"] = "1"
    torch.set_num_threads(1)  # a forked process would wait for threads that only its parent has
    with zipfile.ZipFile(inputs / "a.zip", "w") as zipped:
        for name in ("in/a", "in/b"):
            zipped.writestr(name, CONTENT)
    (inputs / "m.yaml").write_text(MANIFEST)
    cell = new_code_cell('profile: str = "scenes"', id="parameters", metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[cell]), inputs / "10_monosemanticity.ipynb")
    settle(inputs / "once")
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        for work in WORKS.values():  # here, so that what is imported at first use is imported for all
            work()


def undisturbed() -> Iterator[tuple[str, Path, dict[str, str]]]:
    """Each work done once and left alone: its name, a folder for what is tried next, and what it left (`kept`)."""
    with tempfile.TemporaryDirectory(prefix="companion-works-") as folder:
        ready(Path(folder))
        for name in WORKS:
            root = Path(folder) / name
            if end(begin(name, root)) != 0:
                raise SystemExit(f"{name} fails undisturbed")
            yield name, Path(folder) / f"{name}-disturbed", kept(root)
