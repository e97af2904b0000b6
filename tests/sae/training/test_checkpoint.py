import pytest
import torch

from lib.base.errors import CompanionError
from lib.sae.training.checkpoint import FILE, load_checkpoint, save_checkpoint


def test_what_was_saved_comes_back(tmp_path):
    tensors = {"a": torch.arange(6.0).view(2, 3).t(), "rng": torch.Generator().get_state(), "n": torch.zeros(0).long()}
    save_checkpoint(tmp_path, tensors, {"key": "run", "step": 3, "history": [[1, 0.1]]})
    found, facts = load_checkpoint(tmp_path, "run")
    assert facts == {"key": "run", "step": 3, "history": [[1, 0.1]]}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_no_checkpoint_is_none(tmp_path):
    assert load_checkpoint(tmp_path, "run") is None


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    save_checkpoint(tmp_path, {"a": torch.zeros(1)}, {"key": "run"})
    with pytest.raises(CompanionError, match="belongs to another run; give this run its own folder"):
        load_checkpoint(tmp_path, "other")


@pytest.mark.parametrize("content", [b"", b"garbage that is not safetensors"])
def test_a_broken_file_is_refused(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(CompanionError, match=r"cannot read the checkpoint .*; delete it and train again"):
        load_checkpoint(tmp_path, "run")


def test_a_file_without_facts_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / FILE)
    with pytest.raises(CompanionError, match="cannot read the checkpoint"):
        load_checkpoint(tmp_path, "run")
