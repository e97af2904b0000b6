"""Published checkpoints: only the file whose hash was stated is opened, and nothing in it runs."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.sae.formats.published import read_published


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return (Path.touch, (self.path,))


def test_as_much_of_the_hash_as_is_known(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"a": torch.arange(3)}, path)
    whole = sha256_file(path)
    for stated in (whole, whole.upper(), whole[:12], whole[:8]):
        assert read_published(path, stated)["a"].tolist() == [0, 1, 2]
    with pytest.raises(CompanionError, match=r"has sha256 \w{64}, not 00000000; it was not opened"):
        read_published(path, "0" * 8)


@pytest.mark.parametrize("stated", ["latest", "", "abcdef1", "0" * 65, "0x123456789"])
def test_what_is_no_hash(stated: str, tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=f"sha256 '{stated}' is not a hash; give 8 to 64 hex digits"):
        read_published(tmp_path / "model.pt", stated)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CompanionError, match=r"no checkpoint .*model.pt; fetch it first"):
        read_published(tmp_path / "model.pt", 64 * "0")


def test_a_file_of_another_hash_is_not_opened_and_nothing_runs(tmp_path: Path) -> None:
    path = tmp_path / "ae.pt"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    with pytest.raises(CompanionError, match=r"has sha256 \w{64}, not 0{64}; it was not opened"):
        read_published(path, 64 * "0")
    with pytest.raises(CompanionError, match="is not a checkpoint of plain tensors"):
        read_published(path, sha256_file(path))
    torch.save({"weights": Trap(tmp_path / "ran")}, path)
    with pytest.raises(CompanionError, match="is not a checkpoint of plain tensors"):
        read_published(path, sha256_file(path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [[torch.zeros(2)], {"step": 3}, torch.zeros(2)])
def test_what_is_no_state_dict(content: object, tmp_path: Path) -> None:
    path = tmp_path / "ae.pt"
    torch.save(content, path)
    with pytest.raises(CompanionError, match="is not a state dict of tensors") as error:
        read_published(path, sha256_file(path))
    assert "\n" not in str(error.value)
