"""Naming by words on planted latents: each is one axis of the space, and so is each label."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from lib.base.errors import NotAvailable
from lib.data.sets.label_vectors import Labels
from lib.encoders.embeddings import Embeddings
from lib.papers.common.dictionaries import Fitted, Recipe
from lib.papers.start import n05_naming
from lib.report.figures import CEILING, CONTROL
from lib.sae.codes import SparseCodes
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session

D, N = 6, 60


def pictures(split: str) -> Embeddings:
    """Every row is one axis and a little of another, plus an offset that all share."""
    rng = np.random.default_rng(len(split))
    rows = np.eye(D)[np.arange(N) % D] + 0.05 * rng.normal(size=(N, D)) + 2.0
    ids = np.array([f"{split}{i}" for i in range(N)])
    return Embeddings(ids, rows.astype(np.float32), None, "planted", False, {"split": split})


class World:
    """Pictures of axes, one class each; labels of axes in another order, far from the pictures."""

    name = "planted"
    order = np.array([3, 1, 0, 5, 4, 2])

    def embeddings(self, split: str) -> Embeddings:
        return pictures(split)

    def labels(self) -> Labels:
        return Labels(tuple(f"axis {i}" for i in self.order), (np.eye(D)[self.order] - 3.0).astype(np.float32))

    def classes(self, split: str) -> tuple[Embeddings, np.ndarray]:
        prompts = np.array([f"axis {i}" for i in range(D)])
        return Embeddings(prompts, None, np.eye(D), "planted", True, {}), np.arange(N) % D


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


def named(session: SimpleNamespace, fitted: Fitted) -> list:
    """The planted dictionary's latents, and the coordinates before them."""
    return list(n05_naming.named_latents(session, [fitted]))  # type: ignore[arg-type]


def test_both_rules_find_the_axis(session: SimpleNamespace, fitted: Fitted) -> None:
    (_, _, _, plain), (arm, seed, codes, chosen) = named(session, fitted)
    assert (arm, seed) == ("topk", 0) and (codes != fitted.codes.csr()).nnz == 0
    assert [*chosen, "best true label"] == list(n05_naming.NAMING_RULES)
    for rule in n05_naming.NAMING_RULES[:2]:
        assert (World.order[chosen[rule]] == np.arange(D)).all(), rule
        assert (World.order[plain[rule]] == np.arange(D)).all(), "here the coordinates are the axes"
    assert sorted(chosen["another latent's name"]) == sorted(chosen["decoder row"])


def test_a_name_is_right_if_the_strongest_pictures_are_of_that_class(session: SimpleNamespace, fitted: Fitted) -> None:
    table = n05_naming.name_table(session, named(session, fitted)[1:])  # type: ignore[arg-type]
    assert len(table) == len(n05_naming.NAMING_RULES) * D and table.notna().all().all()
    means = table.groupby("rule")[["auroc", "right"]].mean()
    for rule in (*n05_naming.NAMING_RULES[:2], "best true label"):
        assert means.auroc[rule] == 1 and means.right[rule] == 1
    random = table[table.rule == "random name"]
    assert (random.right == (random.name == [f"axis {i}" for i in random.latent])).all()
    summary = n05_naming.naming_summary(table).set_index("rule")
    assert summary.latents.eq(D).all() and summary.names["decoder row"] == D
    assert (summary.low <= summary.right).all() and (summary.right <= summary.high).all()
    best = n05_naming.best_named(table, "topk", 0, n=3)
    assert best.latent.tolist() == [0, 1, 2] and best.name.tolist() == ["axis 0", "axis 1", "axis 2"]


def test_latents_that_mix_classes_are_right_by_the_share(session: SimpleNamespace) -> None:
    strength = np.zeros((N, 1))
    strength[[0, 6, 12, 1, 2], 0] = [5, 4, 3, 2, 1]  # three of axis 0, then one each of axes 1 and 2
    names = {"decoder row": np.array([list(World.order).index(0)])}
    found = n05_naming.tested_names(session, csr_matrix(strength), names)  # type: ignore[arg-type]
    assert found.set_index("rule").right.to_dict() == {"decoder row": 0.6, "best true label": 0.6}


def test_pictures_get_the_names_of_their_latents_by_activation(session: SimpleNamespace, fitted: Fitted) -> None:
    codes = csr_matrix(np.array([[1.0, 2.0, 2.5], [0.0, 0.0, 0.0]]))
    found = n05_naming.named_pictures(session, codes, np.array([4, 4, 2]))  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, [[0, 0, 2.5, 0, 3.0, 0], [0] * 6])
    table = n05_naming.picture_table(session, named(session, fitted)).set_index(["arm", "rule"])  # type: ignore[arg-type]
    assert table["first"]["topk", "decoder row"] == table["first"]["topk", "mean picture"] == 1
    assert table["first"]["no dictionary", "nearest word, centred"] == 1
    assert table["first"]["topk", "random name"] < 1 and (table.three >= table["first"]).all()


def test_rare_latents_are_left_out(session: SimpleNamespace, fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(n05_naming, "LEAST_ACTIVE", N // D + 1)
    _, _, codes, names = named(session, fitted)[1]
    assert n05_naming.tested_names(session, codes, names).empty  # type: ignore[arg-type]


def test_a_class_without_a_label_is_one_line(session: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "labels", lambda self: Labels(("axis 0",), np.ones((1, D), np.float32)))
    with pytest.raises(NotAvailable, match=r"^class 'axis 1' of world planted is not among its labels$"):
        n05_naming.true_names(session, "test")  # type: ignore[arg-type]


def test_a_world_without_names_of_things_is_one_line() -> None:
    photos = open_session("05_naming", load_profile("photos"))
    message = r"^world photos has no names of things in its space; use profile tiny-imagenet$"
    with pytest.raises(NotAvailable, match=message):
        n05_naming.label_directions(photos)


def test_every_rule_has_the_colour_of_its_role():
    assert set(n05_naming.NAMING_RULES) <= set(n05_naming.COLORS)
    assert n05_naming.COLORS["best true label"] == CEILING and n05_naming.COLORS["random name"] == CONTROL
