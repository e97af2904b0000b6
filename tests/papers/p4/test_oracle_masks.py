"""Masks that know the caption's facts, the Gaussian ceiling against a plain density, and both in a fitting world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from lib.base.errors import CompanionError
from lib.data.atoms import AtomDials, draw_atoms
from lib.data.procedural import SILENT
from lib.editing.masker import ImageSide
from lib.papers.p4 import oracle_masks
from lib.papers.p4.baseline_scores import masked_scores
from lib.papers.p4.known_atoms import KnownAtoms
from lib.papers.p4.oracle_masks import GaussianModel, Oracle
from lib.worlds.atoms import embed_atoms
from lib.worlds.caption_factors import factors_of
from lib.worlds.dialled_captions import caption_pictures
from lib.worlds.profiles import load_profile
from lib.worlds.session import Session, open_session


@pytest.fixture
def session(cache: Path) -> Session:
    """3,000 train and 200 dev pictures of known atoms."""
    return open_session("40_controlled_captions", load_profile("atoms", ["splits.train=3000", "splits.dev=200"]))


def test_oracle_masks_by_hand() -> None:
    """Latent 0 is factor 0, latent 1 owes a third to factor 0 and two thirds to factor 1, latent 2 owes nothing."""
    shares = np.array([[0.6, 0.0], [0.2, 0.4], [0.0, 0.0]])
    asserted = np.array([[3, SILENT], [SILENT, 0], [1, 1]])
    assert Oracle(shares).masks(asserted).tolist() == [[1, 0, 1], [0, 1, 1], [1, 1, 1]]
    soft = Oracle(shares, 0.25).masks(asserted).numpy()
    np.testing.assert_allclose(soft, [[1, 0.25 + 0.75 / 3, 1], [0.25, 0.75, 1], [1, 1, 1]])


def test_the_best_score_is_a_normal_density() -> None:
    """Pictures of a normal world; a caption of nothing is scored by the density of all pictures."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, size=(4000, 2))
    effects = rng.normal(size=(2, 3, 4))
    image = effects[0, codes[:, 0]] + effects[1, codes[:, 1]] + 0.3 * rng.normal(size=(4000, 4))
    model = GaussianModel.fit(image, codes, (3, 3))
    np.testing.assert_allclose(model.noise, 0.09 * np.eye(4), atol=0.02)
    mean = image[codes[:, 0] == 1].mean(axis=0)
    covariance = model.noise + model.spreads[1]
    wanted = multivariate_normal(mean, covariance).logpdf(image[:50])
    found = model.scores(image[:50], np.array([[1, SILENT]]))[:, 0]
    assert np.corrcoef(wanted, found)[0, 1] > 0.999 and np.ptp(wanted - found) < 0.5
    untold = model.query_scores(image[:5], np.array([[SILENT, SILENT]]))
    np.testing.assert_allclose(untold, 0, atol=1e-9)


def test_known_atoms_decode_exactly() -> None:
    drawn = draw_atoms(AtomDials(), "test", 30)
    sae, pictures = KnownAtoms([drawn]), embed_atoms(drawn)
    np.testing.assert_allclose(sae.reconstruct(sae.codes(pictures)), drawn.image, atol=1e-6)
    some = pictures.rows(np.array([7, 3]), "two")
    assert (sae.codes(some).dense() == sae.codes(pictures).dense()[[7, 3]]).all()
    stranger = embed_atoms(draw_atoms(AtomDials(), "dev", 1))
    with pytest.raises(CompanionError, match=r"no true code of \['dev-0-000000'\]; give pictures whose codes it has"):
        sae.codes(stranger)


def test_true_masks_over_true_atoms_find_nearly_all(session: Session) -> None:
    test = caption_pictures(session, "dev", 200, 6)
    world = session.world
    sae = KnownAtoms([world.drawn_atoms("train"), world.drawn_atoms("dev")])
    oracle = oracle_masks.oracle_of(session, sae)
    assert (oracle.shares.argmax(axis=1) == np.repeat(np.arange(12), 6)).all()
    scores = masked_scores(ImageSide.of(sae, test.embeddings), test.text, oracle.masks(test.dialled.asserted))
    plain = test.image @ test.text.T
    hits, before = ((one.argmax(axis=0) == np.arange(200)).mean() for one in (scores, plain))
    assert hits > 0.9 and before < 0.8
    table = oracle_masks.recovery_table(session, {"known": sae}, 200)
    assert table.fvu[0] < 1e-6 and table.best_factor[0] > 0.95
    assert oracle_masks.best_oracle(session, sae, 1.0, 100).floor in (None, 0.0)


def test_the_headroom_of_a_small_world(session: Session) -> None:
    world = session.world
    sae = KnownAtoms([world.drawn_atoms("train"), world.drawn_atoms("dev")])
    values = factors_of(session).values
    table = oracle_masks.headroom_table(session, {"known": sae}, values, 150, (6,)).set_index(["masks", "residual"])
    r1 = (table.i2t + table.t2i) / 2
    assert len(table) == 3 + 1 + 2 * 5
    assert r1["best score of the caption", ""] >= r1["best query of the caption", ""] > r1["unedited", ""]
    assert r1["hard oracle", "kept"] > r1["unedited", ""] + 15
    assert r1["all latents kept", "dropped"] == pytest.approx(r1["unedited", ""], abs=0.5)  # nothing is left over
