"""Naming by words on planted latents: each is one axis of the space, and so is each label."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from lib.data.clip_labels import Labels
from lib.encoders.embeddings import Embeddings
from lib.run.studies import naming
from lib.run.studies.dictionaries import Fitted, Recipe
from lib.sae.codes import SparseCodes

D, N = 6, 60


def pictures(split: str) -> Embeddings:
    """Every row is one axis and a little of another, plus an offset that all share."""
    rng = np.random.default_rng(len(split))
    rows = np.eye(D)[np.arange(N) % D] + 0.05 * rng.normal(size=(N, D)) + 2.0
    ids = np.array([f"{split}{i}" for i in range(N)])
    return Embeddings(ids, rows.astype(np.float32), None, "planted", False, {"split": split})


class World:
    """Pictures of axes; labels of axes in another order, far from the pictures; a judge that sees the axis."""

    order = np.array([3, 1, 0, 5, 4, 2])

    def embeddings(self, split: str) -> Embeddings:
        return pictures(split)

    def labels(self) -> Labels:
        return Labels(tuple(f"axis {i}" for i in self.order), (np.eye(D)[self.order] - 3.0).astype(np.float32))

    def judges(self, split: str) -> dict[str, Embeddings]:
        mine = pictures(split)
        return {"network": Embeddings(mine.ids, np.eye(D)[np.arange(N) % D], None, "judge", True, {})}


class OneAxisEach:
    """Latent i writes axis i, and is active where a picture shows it."""

    W_dec = torch.eye(D)

    def codes(self, embeddings: Embeddings) -> SparseCodes:
        active = np.eye(D)[np.arange(len(embeddings)) % D]
        return SparseCodes.from_matrix(embeddings.ids, csr_matrix(active))


@pytest.fixture
def session() -> SimpleNamespace:
    return SimpleNamespace(world=World())


@pytest.fixture
def fitted() -> Fitted:
    sae = OneAxisEach()
    return Fitted(Recipe("topk", 1, 1), 0, sae, sae.codes(pictures("test")), None, None)  # type: ignore[arg-type]


def test_both_rules_find_the_axis(session: SimpleNamespace, fitted: Fitted) -> None:
    chosen = naming.choices(session, fitted)  # type: ignore[arg-type]
    assert tuple(chosen) == naming.RULES
    for rule in naming.RULES[:2]:
        assert (World.order[chosen[rule]] == np.arange(D)).all(), rule
    assert sorted(chosen["another latent's name"]) == sorted(chosen["decoder row"])


def test_the_right_name_tells_the_pictures(session: SimpleNamespace, fitted: Fitted) -> None:
    table = naming.name_table(session, [fitted])  # type: ignore[arg-type]
    assert len(table) == len(naming.RULES) * D and table.notna().all().all()
    means = table.groupby("rule")[["auroc", "captions"]].mean()
    for rule in naming.RULES[:2]:
        assert means.auroc[rule] == 1 and means.captions[rule] == pytest.approx(1 - 1 / D)
    assert means.auroc["random name"] < 0.8
    summary = naming.summary(table).set_index("rule")
    assert summary.latents.eq(D).all() and summary.names["decoder row"] == D
    assert (summary.low <= summary.auroc).all() and (summary.auroc <= summary.high).all()
    best = naming.best_named(table, "topk", 0, n=3)
    assert best.latent.tolist() == [0, 1, 2] and best.name.tolist() == ["axis 0", "axis 1", "axis 2"]


def test_rare_latents_are_left_out(session: SimpleNamespace, fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "ACTIVE", N // D + 1)
    assert naming.tested_names(session, fitted).empty  # type: ignore[arg-type]
