"""Every measure of a shared dictionary, one row a dictionary."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import scipy.sparse as sp

from lib.metrics.census import census
from lib.metrics.code_search import code_retrieval, code_zero_shot
from lib.metrics.fidelity import fvu
from lib.metrics.firing import firing
from lib.metrics.mms import MultimodalScore, cross_score
from lib.metrics.paired_codes import bridge_score, diagonal_share, jaccard, pair_cosine
from lib.metrics.retrieval import Retrieval, retrieval
from lib.metrics.stability import stability
from lib.metrics.zero_shot import zero_shot
from lib.run.studies.split import Material, Shared
from lib.sae.codes import SparseCodes

CANDIDATES = 1000
"""Pairs of the retrieval test."""


def measure_all(material: Material, fitted: Iterable[Shared]) -> pd.DataFrame:
    """One row for each dictionary; see `measures`."""
    return pd.DataFrame(measures(material, one) for one in fitted)


def measures(material: Material, one: Shared) -> dict[str, float | str]:
    """What a dictionary is worth on the test rows.

    first_only, second_only, both, dead: the census. balanced: share of activation in latents that both modalities use.
    cosine, jaccard: means over pairs; strangers: the cosine of codes of different pairs. bridge: share of the bridge
    score that latents have with themselves. r1, r5, mrr: retrieval on codes, mean of the two directions. fvu, l0: means
    over modalities. mms, mms_above: mean over all latents, dead ones 0, and number above chance. zero_shot: accuracy.
    The last three are NaN where the world has no judge or no classes.
    """
    first, second = one.pair
    use = census(first, second)
    return {
        "arm": one.arm,
        "seed": one.seed,
        "width": first.width,
        "first_only": use.first,
        "second_only": use.second,
        "both": use.both,
        "dead": use.dead,
        "balanced": use.balanced_energy,
        **likeness(first, second),
        "bridge": diagonal_share(_bridge(one)),
        **search(first, second),
        "fvu": _fvu(material, one),
        "l0": float(np.mean([firing(codes).l0 for codes in (first, second)])),
        **_judged(material, one),
    }


def likeness(first: SparseCodes, second: SparseCodes) -> dict[str, float]:
    """Cosine and Jaccard index of the codes of pairs, and the cosine of codes of different pairs; means."""
    return {
        "cosine": float(pair_cosine(first, second).mean()),
        "strangers": float(pair_cosine(first, _rolled(second)).mean()),
        "jaccard": float(jaccard(first, second).mean()),
    }


def search(first: SparseCodes, second: SparseCodes) -> dict[str, float]:
    """Retrieval on codes among CANDIDATES pairs: r1, r5, mrr."""
    n = min(CANDIDATES, len(first))
    return _search(code_retrieval(_head(first, n), _head(second, n)))


def class_codes(material: Material, one: Shared) -> SparseCodes | None:
    """Codes of the class prompts, None where the material has no classes."""
    if material.prompts is None:
        return None
    tower = material.towers[1]
    return one.views[tower].codes(material.prompts, tower)


def dense_reference(material: Material) -> dict[str, float]:
    """Retrieval and zero-shot with the embeddings themselves, no dictionary."""
    first, second = (material.test.tower(tower) for tower in material.towers)
    reference = dense_search(first, second)
    if material.prompts is None or material.labels is None:
        return reference
    prompts = material.prompts.tower(material.towers[1])
    return reference | {"zero_shot": zero_shot(first, prompts, material.labels).accuracy}


def dense_search(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """`search` with embeddings (n, d) instead of codes."""
    n = min(CANDIDATES, len(first))
    return _search(retrieval(first[:n], second[:n], ties="pessimistic"))


def mms(material: Material, one: Shared) -> MultimodalScore | None:
    """The multimodal score of every latent by the material's judge, None where it has none."""
    if material.judge is None:
        return None
    return cross_score(one.pair[0], material.judge[0], one.pair[1], material.judge[1])


def stability_table(fitted: Iterable[Shared]) -> pd.DataFrame:
    """For each arm and two seeds in a row: mean cosine of the decoder rows of the first view, matched one to one."""
    fitted = list(fitted)
    rows = []
    for arm in dict.fromkeys(one.arm for one in fitted):
        decoders = [decoder(one) for one in fitted if one.arm == arm]
        rows += [{"arm": arm, "run": i, "stability": stability(*decoders[i : i + 2])} for i in range(len(decoders) - 1)]
    return pd.DataFrame(rows)


def decoder(one: Shared) -> np.ndarray:
    """(width, d) decoder of the first modality's view."""
    tower, view = next(iter(one.views.items()))
    return view.decoder_of(tower)[0].detach().cpu().numpy()


def _fvu(material: Material, one: Shared) -> float:
    """Mean over modalities, each around its own mean."""
    rows = material.test
    return float(np.mean([fvu(rows.tower(t), one.views[t].reconstruct(codes, t)) for t, codes in one.codes.items()]))


def _bridge(one: Shared) -> sp.csr_array:
    return bridge_score(*one.pair, decoder(one))


def _search(found: Retrieval) -> dict[str, float]:
    sides = (found.image_to_text, found.text_to_image)
    return {
        "r1": float(np.mean([side.recall(1) for side in sides])),
        "r5": float(np.mean([side.recall(5) for side in sides])),
        "mrr": float(np.mean([(1 / side.ranks).mean() for side in sides])),
    }


def _judged(material: Material, one: Shared) -> dict[str, float]:
    score, accuracy, classes = mms(material, one), np.nan, class_codes(material, one)
    if classes is not None and material.labels is not None:
        accuracy = code_zero_shot(one.pair[0], classes, material.labels).accuracy
    return {
        "mms": np.nan if score is None else float(score.score.mean()),
        "mms_chance": np.nan if score is None else score.chance,
        "mms_above": np.nan if score is None else float((score.paired & (score.score > score.chance)).sum()),
        "zero_shot": accuracy,
    }


def _head(codes: SparseCodes, n: int) -> SparseCodes:
    return SparseCodes.from_matrix(codes.ids[:n], codes.csr()[:n])


def _rolled(codes: SparseCodes) -> SparseCodes:
    return SparseCodes.from_matrix(codes.ids, codes.csr()[np.roll(np.arange(len(codes)), 1)])
