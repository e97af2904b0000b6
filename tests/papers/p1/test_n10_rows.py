"""Rows of pictures that are drawn without looking: two neurons, two latents, strongest pictures first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from lib.papers.p1.n10_rows import EACH, PICTURES, random_rows


def made(codes: np.ndarray) -> tuple[Any, Any]:
    neurons = np.random.default_rng(1).standard_normal((len(codes), 6))
    tower = SimpleNamespace(tower=lambda _: neurons)
    session = SimpleNamespace(world=SimpleNamespace(embeddings=lambda _: tower), neurons=neurons)
    return session, SimpleNamespace(codes=SimpleNamespace(dense=lambda: codes))


def test_rows_hold_the_strongest_pictures_of_two_neurons_and_two_latents() -> None:
    codes = np.random.default_rng(0).random((40, 9)) * (np.random.default_rng(2).random((40, 9)) < 0.5)
    codes[:, 0] = 0
    session, fitted = made(codes)
    rows = random_rows(session, fitted)
    assert list(rows.row.unique()) == list("ABCD") and len(rows) == 4 * PICTURES
    assert rows.groupby("row").what.first().value_counts().to_dict() == {"neuron": EACH, "latent": EACH}
    assert not rows.groupby("row").number.first().duplicated().all()
    for _, shown in rows.groupby("row"):
        source = session.neurons if shown.what.iloc[0] == "neuron" else codes
        activations = source[:, shown.number.iloc[0]]
        assert activations[shown.picture].tolist() == sorted(activations, reverse=True)[:PICTURES]
        assert shown.what.iloc[0] == "neuron" or (activations > 0).sum() >= PICTURES
    assert rows.equals(random_rows(session, fitted)) and not rows.equals(random_rows(session, fitted, seed=1))


def test_where_few_latents_are_active_those_with_most_pictures_are_shown() -> None:
    codes = np.zeros((40, 9))
    codes[:3, 4], codes[:2, 7] = 1, 1
    rows = random_rows(*made(codes))
    assert set(rows[rows.what == "latent"].number) == {4, 7}
