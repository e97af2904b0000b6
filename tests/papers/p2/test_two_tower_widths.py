"""The table of two widths, on few scenes: sizes go in step, and each row is that of its own dictionary."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.papers.p2 import two_tower_dictionaries, two_tower_widths
from lib.papers.p2.two_tower_widths import width_table

SMALL = ["splits.train=300", "splits.dev=100", "splits.test=200", "seeds=[0]"]


def test_widths_and_k_go_in_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path))
    for name, value in {"DEFAULT_STEPS": 20, "DEFAULT_WIDTH": 32, "DEFAULT_K": 4}.items():
        monkeypatch.setattr(two_tower_widths, name, value)
    monkeypatch.setattr(two_tower_dictionaries, "TOP_MEMBERS", 3)
    sizes = []
    fit = two_tower_widths.fit_two_tower_arms

    def noted(*arguments):
        fitted = fit(*arguments)
        sizes.extend((f.arm.name, f.sae.width, f.sae.config.k, f.session.seeds) for f in fitted)
        return fitted

    monkeypatch.setattr(two_tower_widths, "fit_two_tower_arms", noted)
    table = width_table(overrides=SMALL)
    assert sizes == [(arm, 32 * n, 4 * n, [0]) for n in (1, 2) for arm in ("VL-SAE", "SAE-S")]
    assert sorted(zip(table.multiple, table.arm, strict=True)) == [(n, a) for n in (4, 8) for a in ("SAE-S", "VL-SAE")]
    assert table.fvu_image.nunique() == 4 and (table.fvu_image > 0).all()
