"""Training: it learns what captions name, never learns from shuffled pictures, and resumes to equal weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import lib.editing.train_masker as module
from lib.base.errors import CompanionError
from lib.editing.masker import ImageSide, MaskerConfig
from lib.editing.train_masker import SharedImages, masker_key, masker_rate, train_masker, train_masker_cached
from lib.metrics.retrieval import rank_scores
from lib.sae.training.checkpoint import FILE
from tests.editing.toy import toy

CONFIG = MaskerConfig(steps=60, batch=64, lr=1e-2)
N = 120


def recalls(scores: np.ndarray) -> float:
    """R@1, the mean of both directions."""
    found = rank_scores([scores], np.diag(scores).copy(), np.arange(len(scores)))
    return (found.image_to_text.recall(1) + found.text_to_image.recall(1)) / 2


def test_training_finds_the_named_latents_and_retrieves_better():
    train, test = toy(600), toy(N, seed=1)
    trained = train_masker(replace(CONFIG, steps=150), train.sae, train.pairs)
    texts = test.pairs.tower("text")
    masks = trained.masker.read(texts)[1].numpy()
    assert masks[test.told].mean() > masks[test.shown & ~test.told].mean() + 0.2
    images = ImageSide.of(test.sae, test.pairs, dtype=torch.float64)
    plain = (images.embeddings @ torch.from_numpy(texts).double().T).numpy()
    assert recalls(trained.masker.scores(images, texts)) > recalls(plain) + 0.03
    assert trained.history.loss.iloc[-20:].mean() < trained.history.loss.iloc[:5].mean()
    assert trained.history.step.tolist() == list(range(1, 151))


@pytest.mark.parametrize("edit", ["latents", "leaky"])
def test_shuffled_pictures_leave_only_chance(edit):
    """All-pairs scores of shuffled pictures are at chance, however the masker was trained; leaky ones are not.

    Means over twelve shuffles: one alone has 240 queries, and chance is one hit in 120.
    """
    train, test = toy(600), toy(N, seed=1)
    masker = train_masker(replace(CONFIG, edit=edit, steps=150), train.sae, train.pairs).masker
    images, texts = ImageSide.of(test.sae, test.pairs, dtype=torch.float64), test.pairs.tower("text")
    orders = [np.roll(np.arange(N), shift) for shift in range(1, 13)]
    assert np.mean([recalls(masker.scores(images[order], texts)) for order in orders]) < 2 / N
    if edit == "leaky":
        queries, masks = (part.double() for part in masker.read(texts))
        leaky = [masker.training_scores(images[order], queries, masks).detach().numpy() for order in orders]
        assert np.mean([recalls(scores) for scores in leaky]) > 4 / N


def test_a_constant_picture_gives_constant_rankings():
    """One picture for all: a caption cannot prefer any, and every picture ranks captions alike."""
    train, test = toy(300), toy(N, seed=1)
    masker = train_masker(CONFIG, train.sae, train.pairs).masker
    images = ImageSide.of(test.sae, test.pairs, dtype=torch.float64)[np.zeros(N, int)]
    scores = masker.scores(images, test.pairs.tower("text"))
    assert np.ptp(scores, axis=0).max() < 1e-12 and np.ptp(scores, axis=1).min() > 0.01
    found = rank_scores([scores], np.diag(scores).copy(), np.arange(N))
    assert (found.text_to_image.ranks == (N + 1) / 2).all()
    assert found.image_to_text.recall(1) <= 1 / N


def test_a_sparsity_term_lowers_the_mask():
    train = toy(300)
    plain, sparse = (train_masker(replace(CONFIG, sparsity=s), train.sae, train.pairs).history for s in (0.0, 2.0))
    assert sparse.density.iloc[-1] < plain.density.iloc[-1] - 0.05


def test_a_text_head_moves_the_queries_and_edit_none_has_no_masks():
    train = toy(300)
    texts = train.pairs.tower("text")
    tuned = train_masker(replace(CONFIG, edit="none", text_head=True), train.sae, train.pairs)
    queries, masks = tuned.masker.read(texts)
    assert masks.shape == (300, 0) and float((queries - torch.from_numpy(texts)).abs().max()) > 0.01
    assert (tuned.history.density == 1).all()
    assert torch.equal(train_masker(CONFIG, train.sae, train.pairs).masker.read(texts)[0], torch.from_numpy(texts))


@pytest.mark.parametrize("edit", ["latents", "dimensions", "constant"])
def test_a_killed_run_resumes_to_equal_weights(edit, tmp_path, monkeypatch):
    t, config = toy(200), replace(CONFIG, edit=edit, text_head=True)
    pairs, dev = [t.pairs, toy(200, told=1).pairs], toy(50, seed=2).pairs
    whole = train_masker(config, t.sae, pairs, dev)
    advance = module.MaskerRun.advance

    def dies(run):
        if run.step == 33:
            raise KeyboardInterrupt
        advance(run)

    monkeypatch.setattr(module.MaskerRun, "advance", dies)
    with pytest.raises(KeyboardInterrupt):
        train_masker(config, t.sae, pairs, dev, folder=tmp_path, checkpoint_every=10)
    monkeypatch.setattr(module.MaskerRun, "advance", advance)
    resumed = train_masker(config, t.sae, pairs, dev, folder=tmp_path, checkpoint_every=10)
    assert resumed.history.equals(whole.history) and resumed.checks.equals(whole.checks)
    for name, tensor in whole.masker.state_dict().items():
        assert torch.equal(tensor, resumed.masker.state_dict()[name]), name


def test_maskers_that_share_their_images_are_those_trained_alone():
    t, dev = toy(200), toy(50, seed=2).pairs
    images = SharedImages(t.sae, t.pairs, dev)
    for config in (CONFIG, replace(CONFIG, edit="none", text_head=True), replace(CONFIG, rho=0.5), CONFIG):
        shared = train_masker(replace(config, steps=20), t.sae, t.pairs, dev, images=images)
        alone = train_masker(replace(config, steps=20), t.sae, t.pairs, dev)
        assert shared.history.equals(alone.history) and shared.checks.equals(alone.checks)
    assert images.of(CONFIG.rho)[0] is images.of(CONFIG.rho)[0], "made once"


def test_the_weights_of_the_least_dev_loss_are_kept():
    """Trained on pairs whose captions are shuffled, a masker gets worse on dev pairs, and its start is kept."""
    train, dev = toy(300), toy(80, seed=1).pairs
    wrong = replace(train.pairs, text=np.roll(train.pairs.tower("text"), 1, axis=0), identity={"rolled": 1})
    config = replace(CONFIG, edit="none", text_head=True, lr=5e-2)
    spoilt = train_masker(config, train.sae, wrong, dev)
    right = train_masker(replace(CONFIG, steps=150), train.sae, train.pairs, dev)
    assert spoilt.checks.loss.idxmin() == 0 and right.checks.loss.idxmin() > 0
    assert spoilt.checks.step.tolist() == [0, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60]
    texts = dev.tower("text")
    assert torch.equal(spoilt.masker.read(texts)[0], torch.from_numpy(texts))
    assert right.checks.recall.max() >= right.checks.recall[0]
    assert train_masker(config, train.sae, wrong).checks.empty


def test_every_epoch_takes_the_next_captions(monkeypatch):
    t, other = toy(128), toy(128, told=1).pairs
    seen = []
    monkeypatch.setattr(
        module, "masker_loss", lambda m, images, texts: (seen.append(texts[0].clone()), _loss(m, images, texts))[1]
    )
    train_masker(replace(CONFIG, steps=4), t.sae, [t.pairs, replace(other, image=t.pairs.image)])
    first, second = (torch.from_numpy(one.tower("text")) for one in (t.pairs, other))
    assert [bool((row == first).all(dim=1).any()) for row in seen] == [True, True, False, False]
    assert [bool((row == second).all(dim=1).any()) for row in seen] == [False, False, True, True]


_loss = module.masker_loss


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    t = toy(100)
    train_masker(CONFIG, t.sae, t.pairs, folder=tmp_path)
    with pytest.raises(CompanionError, match="belongs to another run; give this run its own folder"):
        train_masker(replace(CONFIG, seed=1), t.sae, t.pairs, folder=tmp_path)


def test_the_cache_gives_the_same_masker(cache, monkeypatch):
    t = toy(100)
    first = train_masker_cached(CONFIG, t.sae, t.pairs)
    monkeypatch.setattr(module, "train_masker", None)
    again = train_masker_cached(CONFIG, t.sae, t.pairs)
    assert again.history.equals(first.history) and again.checks.equals(first.checks) and not list(cache.rglob(FILE))
    for name, tensor in first.masker.state_dict().items():
        assert torch.equal(tensor, again.masker.state_dict()[name]), name


def test_the_key_holds_configuration_dictionary_and_pairs():
    t = toy(50)
    key = masker_key(CONFIG, t.sae, t.pairs)
    assert masker_key(replace(CONFIG, rho=0.5), t.sae, t.pairs) != key
    assert masker_key(CONFIG, t.sae, toy(51).pairs) != key
    assert masker_key(CONFIG, t.sae, [t.pairs]) == key != masker_key(CONFIG, t.sae, [t.pairs, t.pairs])
    assert masker_key(CONFIG, t.sae, t.pairs, toy(51).pairs) != key
    with torch.no_grad():
        t.sae.W_dec[0, 0] += 1e-3
    assert masker_key(CONFIG, t.sae, t.pairs) != key


def test_the_rate_rises_and_falls():
    rates = [masker_rate(step, 40) for step in range(40)]
    assert max(rates) == rates[3] == 1 and rates[0] == 0.25 and 0 < rates[-1] < 0.05
    assert rates[4:] == sorted(rates[4:], reverse=True) and masker_rate(0, 1) == 1


def test_bad_input_is_named():
    t = toy(50)
    with pytest.raises(CompanionError, match="1 pairs to train a masker on; give at least 2"):
        train_masker(CONFIG, t.sae, t.pairs.rows(np.array([0]), "one"))
    with pytest.raises(CompanionError, match=r"the loss is nan at step 1; lower lr or check the pairs"):
        train_masker(MaskerConfig("none", text_head=True, steps=3, lr=3e37), t.sae, t.pairs)
    with pytest.raises(CompanionError, match="captions of different numbers of images; give the same images"):
        train_masker(CONFIG, t.sae, [t.pairs, toy(51).pairs])
    t.sae.W_dec.data[:] = 1e30
    with pytest.raises(CompanionError, match="codes times the dictionary leave the range of float32; scale"):
        train_masker(CONFIG, t.sae, t.pairs)
