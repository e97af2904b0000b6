"""Foreign dictionaries come in with their codes, ours go out to SAELens and back, and wrong files are one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from lib.apps.dictionary_files import export_dictionary, import_dictionary
from lib.base.errors import CompanionError
from lib.base.files import sha256_file
from lib.run import cli
from lib.sae.config import TwoTowerConfig
from lib.sae.formats.published_vl_sae import from_vl_sae
from lib.sae.recipes import build
from lib.sae.storage import load_sae, save_sae
from tests.sae.formats.test_sae_for_vlm import matryoshka_layout, ours
from tests.sae.reference import random_rows, random_sae

runner = CliRunner()


def vl_state(width: int = 272, d: int = 34) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"encoder": (width, d)}
    for tower in ("vision", "text"):
        shapes |= {f"{tower}_decoder.weight": (d, width), f"{tower}_decoder.bias": (d,)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def test_a_released_checkpoint_comes_in_and_goes_out(tmp_path: Path) -> None:
    path, x = tmp_path / "ae.pt", random_rows().float()
    sae = ours("matryoshka")
    torch.save(matryoshka_layout(sae), path)
    answer = runner.invoke(cli.app, ["import", str(path), str(tmp_path / "in"), "--sha256", sha256_file(path)[:10]])
    assert answer.exit_code == 0, answer.output
    said = " ".join(answer.output.split())
    assert said.startswith(f"read matryoshka, width 12, d 5, k 3, from {path} (sae-for-vlm); wrote ")
    assert said.endswith("sae.safetensors and sae.json")
    loaded = load_sae(tmp_path / "in")
    assert torch.equal(loaded.encode(x).dense(), sae.eval().encode(x).dense())
    answer = runner.invoke(cli.app, ["export", str(tmp_path / "in"), str(tmp_path / "out")])
    assert answer.exit_code == 0 and "sae_weights.safetensors and cfg.json as jumprelu" in answer.output
    said = import_dictionary(tmp_path / "out", tmp_path / "back")
    assert said.startswith(f"read jumprelu, width 12, d 5, from {tmp_path / 'out'} (SAELens); wrote ")
    assert torch.equal(load_sae(tmp_path / "back").encode(x).dense(), loaded.encode(x).dense())


def test_a_vl_sae_comes_in(tmp_path: Path) -> None:
    path = tmp_path / "vl.pth"
    torch.save(vl_state(), path)
    said = import_dictionary(path, tmp_path / "in", sha256_file(path))
    assert said.startswith(f"read vl_sae, width 272, d 34, k 256, from {path} (VL-SAE); wrote ")
    expected, found = from_vl_sae(vl_state(), "x"), load_sae(tmp_path / "in")
    x = torch.randn(4, 34, generator=torch.Generator().manual_seed(1))
    for tower in ("image", "text"):
        codes = [sae.encode_tower(x, tower) for sae in (expected, found)]
        assert torch.equal(codes[0].dense(), codes[1].dense())
        assert torch.equal(*(sae.decode_tower(code, tower) for sae, code in zip((expected, found), codes, strict=True)))


def refused(*arguments: object) -> str:
    with pytest.raises(CompanionError) as error:
        cli.app([str(one) for one in arguments], standalone_mode=False)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_cannot_come_in(tmp_path: Path) -> None:
    path = tmp_path / "ae.pt"
    assert "no such file or folder; give a folder of SAELens" in refused("import", path, tmp_path / "in")
    path.write_bytes(b"anything")
    assert "give --sha256, at least 8 digits" in refused("import", path, tmp_path / "in")
    assert "it was not opened" in refused("import", path, tmp_path / "in", "--sha256", "0" * 8)
    assert "not a checkpoint of plain tensors" in refused(
        "import", path, tmp_path / "in", "--sha256", sha256_file(path)
    )
    torch.save({"weights": torch.ones(2)}, path)
    assert "known are the checkpoints" in refused("import", path, tmp_path / "in", "--sha256", sha256_file(path))
    assert "give a folder that SAELens 6 wrote" in refused("import", tmp_path, tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_what_cannot_go_out(tmp_path: Path) -> None:
    assert "no such file or folder" in refused("export", tmp_path / "none", tmp_path / "out")
    save_sae(build(TwoTowerConfig("vl_sae", 12, 3), 10), tmp_path / "pair")
    assert "SAELens needs a one-tower dictionary, and 'vl_sae' is two-tower" in refused(
        "export", tmp_path / "pair", tmp_path / "out"
    )
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    save_sae(random_sae("topk").float(), tmp_path / "a")
    export_dictionary(tmp_path / "a", tmp_path / "b")
    assert "exists already; name another folder" in refused("export", tmp_path / "a", tmp_path / "b")
    assert "exists already; name another folder" in refused("import", tmp_path / "b", tmp_path / "a")
