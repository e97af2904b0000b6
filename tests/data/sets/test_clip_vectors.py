"""CLIP vectors by others: made once from their authors' files in every published form, after a check of the hash."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.errors import CompanionError, NotAvailable
from lib.data.formats.fetch import fetch_dataset, locate, verify
from lib.data.formats.torch_tensor import read_tensor
from lib.data.sets import clip_vectors
from lib.data.sets.clip_vectors import (
    clip_classes,
    clip_rows,
    flickr_pictures,
    product_texts,
    read_classes,
    read_rows,
    unsplash_ids,
    without_repeats,
)

N, D = 6, 512


def unit(n: int = N, d: int = D, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


Published = Callable[[dict[str, dict[str, object]]], Path]
"""made file -> (author's file -> content), and the folder of the author's files"""


@pytest.fixture
def published(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Published:
    """A manifest of files made from others, of which only the authors' files are in COMPANION_DATA."""

    def make(files: dict[str, dict[str, object]]) -> Path:
        listed = []
        for made, sources in files.items():
            for name, content in sources.items():
                path = tmp_path / "data" / "clip-vectors" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if path.suffix == ".pt":
                    torch.save(torch.as_tensor(content), path)
                elif path.suffix == ".npy":
                    np.save(path, np.asarray(content))
                else:
                    path.write_bytes(content if isinstance(content, bytes) else str(content).encode())
                hashed = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
                listed.append({"path": f"clip-vectors/{name}", "urls": [f"https://x.example/{name}"], **hashed})
            sources_of = [f"clip-vectors/{name}" for name in sources]
            listed.append({"path": f"clip-vectors/{made}", "made_from": sources_of, "sha256": "0" * 64, "bytes": 1})
        entry = {
            "title": "t",
            "kind": "images",
            "version": "1",
            "description": "d",
            "licence": {"spdx": "LicenseRef-none-stated", "redistributable": False},
            "access": "public",
            "retrieved": "2026-01-02",
            "files": listed,
            "used_by": {},
        }
        text = json.dumps({"manifest_version": 1, "datasets": {"clip-vectors": entry}})
        (tmp_path / "m.yaml").write_text(text.replace('"2026-01-02"', "2026-01-02"))
        committed = clip_vectors.load_manifest
        monkeypatch.setattr("lib.data.formats.fetch.load_manifest", lambda: committed(tmp_path / "m.yaml"))
        monkeypatch.setattr(clip_vectors, "load_manifest", lambda: committed(tmp_path / "m.yaml"))
        monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "data"))
        return tmp_path / "data" / "clip-vectors"

    return make


def test_features_and_labels_of_one_pass(published: Published) -> None:
    rows, labels = unit(), np.array([2, 0, 1, 2, 1, 0])
    published(
        {"vitb32-labelled/a_val.npy": {"p/val_f.pt": rows}, "vitb32-labelled/a_val_labels.npy": {"p/val_l.pt": labels}}
    )
    found, identity = clip_rows("vitb32-labelled/a_val")
    np.testing.assert_allclose(found, rows.astype(np.float32), atol=2e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert clip_classes("a_val").tolist() == labels.tolist() and len(identity["sources"]) == 1


def test_draws_are_joined_and_their_labels_read_or_inferred(published: Published) -> None:
    one, two = unit(3, seed=1), unit(6, seed=2)
    hot = np.eye(3, dtype=np.float16)
    published(
        {
            "vitb32-labelled/a_train3.npy": {"p/keys_1shots.pt": one.T, "p/keys_2shots.pt": two.T},
            "vitb32-labelled/a_train3_labels.npy": {"p/values_1shots.pt": hot[[0, 1, 2]], "q/keys_2shots.pt": two.T},
        }
    )
    rows, _ = clip_rows("vitb32-labelled/a_train3")
    np.testing.assert_allclose(rows, np.concatenate([one, two]).astype(np.float32), atol=2e-4)
    assert clip_classes("a_train3").tolist() == [0, 1, 2, 0, 0, 1, 1, 2, 2]


def test_other_forms_of_files(published: Published, tmp_path: Path) -> None:
    raw = unit().astype("<f4")
    published(
        {
            "unsplash2001-vitb16/image_embeddings.npy": {"p/e.bin": raw.tobytes()},
            "unsplash2001-vitb16/photo_ids.txt": {"p/photo.json": json.dumps([{"id": "a", "url": "u"}, {"id": "-b"}])},
            "fashion1126-fashionclip/rows.csv": {
                "p/metadata2.csv": 'image_path,description\n/x/886.jpg,"A ""new""  dress,\nblue.\n"\n'
            },
            "flickr8k100x5-vitb32/rows.csv": {
                "p/metadata.csv": "image_id,image_path,caption\n1_a,../1_a.jpg,A dog .\n"
            },
        }
    )
    np.testing.assert_allclose(clip_rows("unsplash2001-vitb16/image_embeddings")[0], raw, atol=1e-3)
    assert unsplash_ids().tolist() == ["a", "-b"]
    ids, texts = product_texts()
    assert (ids.tolist(), texts) == (["886"], ('A "new" dress, blue.',))
    assert flickr_pictures().tolist() == ["1_a.jpg"]
    np.save(tmp_path / "f.npy", raw)
    np.testing.assert_array_equal(read_rows(tmp_path / "f.npy", D), raw)


def test_an_array_is_made_once_and_after_the_hash_is_checked(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = published({"vitb32-labelled/a_val.npy": {"p/val_f.pt": unit()}})
    first, _ = clip_rows("vitb32-labelled/a_val")
    monkeypatch.setattr(clip_vectors, "read_tensor", lambda path: pytest.fail("made again"))
    np.testing.assert_array_equal(clip_rows("vitb32-labelled/a_val")[0], first)
    (folder / "p/val_f.pt").write_bytes(b"rotten")
    with pytest.raises(CompanionError, match=r"val_f.pt: expected sha256"):
        clip_rows("vitb32-labelled/a_val")


def test_what_a_machine_wants_of_files_made_from_others(published: Published) -> None:
    folder = published({"vitb32-labelled/a_val.npy": {"p/val_f.pt": unit()}})
    assert verify("clip-vectors") == [("clip-vectors/p/val_f.pt", "ok")]
    assert fetch_dataset("clip-vectors") == [folder / "p/val_f.pt"]
    with pytest.raises(NotAvailable, match=r"a_val.npy of dataset 'clip-vectors' is not here"):
        locate("clip-vectors", "clip-vectors/vitb32-labelled/a_val.npy")
    (folder / "vitb32-labelled").mkdir()
    (folder / "vitb32-labelled/a_val.npy").write_bytes(b"?")
    assert verify("clip-vectors") == [("clip-vectors/vitb32-labelled/a_val.npy", "wrong")]


def test_tensors_and_nothing_else_are_read(tmp_path: Path) -> None:
    class Foreign:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "f.pt"
    for content, says in (
        ({"a": torch.ones(2)}, "holds a dict instead of one tensor"),
        (torch.nn.Linear(2, 2), "not a readable tensor"),
        (torch.ones(2, 2).to_sparse(), "holds a Tensor instead of one tensor|not a readable tensor"),
    ):
        torch.save(content, path)
        with pytest.raises(CompanionError, match=rf"f.pt: ({says})"):
            read_tensor(path)
    path.write_bytes(pickle.dumps(Foreign()))
    with pytest.raises(CompanionError, match=r"f.pt: not a readable tensor"):
        read_tensor(path)
    assert not (tmp_path / "ran").exists()


def test_labels_in_the_order_of_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "keys_4shots.pt"
    torch.save(torch.ones(D, 8 * 128), path)
    assert read_classes(path).tolist() == np.repeat(np.arange(256), 4).tolist()


def test_a_photograph_drawn_twice_is_kept_once() -> None:
    rows = unit(4).astype(np.float32)
    again = rows[[1]] + 0.001
    twice = np.concatenate([rows, again / np.linalg.norm(again)])
    assert without_repeats(twice, np.array([0, 0, 1, 1, 0])).tolist() == [0, 1, 2, 3]
    assert without_repeats(twice, np.array([0, 0, 1, 1, 1])).tolist() == [0, 1, 2, 3, 4], "another class"


@pytest.mark.data
def test_the_real_arrays(data_root: Path, cache: Path) -> None:
    rows, identity = clip_rows("vitb32-labelled/dtd_val")
    assert rows.shape == (1128, 512) and len(clip_classes("dtd_val")) == 1128 and len(identity["sha256"]) == 64
    assert clip_rows("caltech101-rn50/val", 1024)[0].shape == (1649, 1024)
    assert len(flickr_pictures()) == 500 and len(set(flickr_pictures())) == 100
    ids, texts = product_texts()
    assert len(set(ids)) == 1126 and 15 < np.mean([len(text.split()) for text in texts]) < 45
    assert len(set(unsplash_ids())) == 2001
