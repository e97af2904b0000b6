"""Paper 3: every measure of a shared dictionary."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import scipy.sparse as sp

from lib.metrics.census import census
from lib.metrics.code_search import code_retrieval, code_zero_shot
from lib.metrics.fidelity import fvu
from lib.metrics.firing import firing
from lib.metrics.mms import MultimodalScore, mms_across
from lib.metrics.paired_codes import bridge_score, diagonal_share, jaccard, pair_cosine, roll_pairs
from lib.metrics.retrieval import Ranks, Retrieval, retrieval
from lib.metrics.stability import stability
from lib.metrics.zero_shot import ZeroShot, zero_shot
from lib.papers.p3.measured_runs import EMBEDDINGS, KNOWN_CONCEPTS
from lib.papers.p3.pair_dictionaries import Material, Shared
from lib.sae.codes import SparseCodes


def measure_dictionaries(material: Material, fitted: Iterable[Shared]) -> pd.DataFrame:
    """Measure dictionaries on the test rows, one row each; columns as in `measure_dictionary`."""
    return pd.DataFrame(measure_dictionary(material, one) for one in fitted)


def measure_dictionary(material: Material, one: Shared) -> dict[str, float | str]:
    """Measure a dictionary on the test rows.

    first_only, second_only, both, dead: the census. balanced: share of activation in latents that both modalities use.
    cosine, jaccard: means over pairs; strangers: the cosine of codes of different pairs. bridge: share of the bridge
    score that latents have with themselves. r1, r5, mrr: retrieval on codes among all test pairs, mean of the two
    directions. fvu, l0: means over modalities. mms, mms_above: mean over all latents, dead ones 0, and number above
    chance. zero_shot: accuracy. The last three are NaN where the world has no judge or no classes.
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
        **pair_agreement(first, second),
        "bridge": diagonal_share(_bridge(one)),
        **search_by_codes(first, second),
        "fvu": _fvu(material, one),
        "l0": float(np.mean([firing(codes).l0 for codes in (first, second)])),
        **_judged(material, one),
    }


def pair_table(material: Material, fitted: Iterable[Shared]) -> pd.DataFrame:
    """One row for each dictionary and test pair, whose means over pairs are the columns of `measure_dictionary`.

    cosine: of the codes of the pair. r1, r5: share of the two directions in which the pair is found, and found among
    the first five. zero_shot: whether the first member is classified right, NaN where there are no classes.
    """
    tables = []
    for one in fitted:
        first, second = one.pair
        sides, named = _sides(code_retrieval(first, second)), _named(material, one)
        r1, r5 = (np.mean([side.ranks <= k for side in sides], axis=0) for k in (1, 5))
        hits = np.nan if named is None else named.hits.astype(np.float64)
        columns = {"cosine": pair_cosine(first, second), "r1": r1, "r5": r5, "zero_shot": hits}
        tables.append(pd.DataFrame({"arm": one.arm, "seed": one.seed, "pair": np.arange(len(first)), **columns}))
    return pd.concat(tables, ignore_index=True)


def pair_agreement(first: SparseCodes, second: SparseCodes) -> dict[str, float]:
    """Mean cosine and Jaccard index of the codes of pairs, and mean cosine of codes of different pairs (strangers)."""
    return {
        "cosine": float(pair_cosine(first, second).mean()),
        "strangers": float(pair_cosine(first, roll_pairs(second)).mean()),
        "jaccard": float(jaccard(first, second).mean()),
    }


def search_by_codes(first: SparseCodes, second: SparseCodes) -> dict[str, float]:
    """Retrieve by codes among all pairs: r1, r5, mrr, averaged over both directions."""
    return _search(code_retrieval(first, second))


def class_codes(material: Material, one: Shared) -> SparseCodes | None:
    """Codes of the class prompts, None where the material has no classes."""
    if material.prompts is None:
        return None
    tower = material.towers[1]
    return one.views[tower].codes(material.prompts, tower)


def references(material: Material, seeds: Iterable[int]) -> pd.DataFrame:
    """Measure references for which no dictionary is trained, one row for every seed, with the same values for all
    seeds.

    EMBEDDINGS: retrieval (r1, r5, mrr) and zero-shot classification by the embeddings themselves. KNOWN_CONCEPTS: the
    same and mms for codes that have a latent for each dimension of the judge, active where that is positive; only where
    there is a judge. zero_shot is NaN where the classes have no names, or their concepts are not known.
    """
    rows: list[dict[str, float | str]] = [{"arm": EMBEDDINGS, **dense_reference(material)}]
    if material.judge is not None:
        rows.append({"arm": KNOWN_CONCEPTS, **_measured_concepts(material, *material.judge)})
    return pd.DataFrame([{"seed": seed, **row} for seed in seeds for row in rows])


def dense_reference(material: Material) -> dict[str, float]:
    """Retrieval and zero-shot classification by the embeddings themselves; zero_shot is NaN without classes."""
    first, second = (material.test.tower(tower) for tower in material.towers)
    reference = search_by_embeddings(first, second) | {"zero_shot": np.nan}
    if material.prompts is not None and material.labels is not None:
        prompts = material.prompts.tower(material.towers[1])
        reference["zero_shot"] = zero_shot(first, prompts, material.labels).accuracy
    return reference


def search_by_embeddings(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """`search_by_codes` with embeddings (n, d) instead of codes."""
    return _search(retrieval(first, second, ties="pessimistic"))


def mms_by_judge(material: Material, one: Shared) -> MultimodalScore | None:
    """Multimodal score of every latent by the material's judge, None where it has none."""
    if material.judge is None:
        return None
    return mms_across(one.pair[0], material.judge[0], one.pair[1], material.judge[1])


def score_curves(material: Material, fitted: Iterable[Shared]) -> pd.DataFrame:
    """Multimodal scores in falling order, averaged over seeds: arm, rank, score; empty without a judge."""
    fitted, parts = list(fitted), []
    for arm in dict.fromkeys(one.arm for one in fitted):
        found = [mms_by_judge(material, one) for one in fitted if one.arm == arm]
        scores = [np.sort(one.score)[::-1] for one in found if one is not None]
        if scores:
            curve = np.mean(scores, axis=0)
            parts.append(pd.DataFrame({"arm": arm, "rank": np.arange(1, len(curve) + 1), "score": curve}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def stability_table(fitted: Iterable[Shared]) -> pd.DataFrame:
    """Stability over seeds: mean cosine of the first view's decoder rows, matched one to one.

    One row per arm and pair of consecutive seeds; none where there is one seed.
    """
    fitted = list(fitted)
    rows = []
    for arm in dict.fromkeys(one.arm for one in fitted):
        decoders = [first_decoder(one) for one in fitted if one.arm == arm]
        rows += [{"arm": arm, "run": i, "stability": stability(*decoders[i : i + 2])} for i in range(len(decoders) - 1)]
    return pd.DataFrame(rows, columns=["arm", "run", "stability"])


def first_decoder(one: Shared) -> np.ndarray:
    """(width, d) decoder of the first modality's view."""
    tower, view = next(iter(one.views.items()))
    return view.decoder_of(tower)[0].detach().cpu().numpy()


def _fvu(material: Material, one: Shared) -> float:
    """FVU averaged over modalities, each around its own mean."""
    rows = material.test
    return float(np.mean([fvu(rows.tower(t), one.views[t].reconstruct(codes, t)) for t, codes in one.codes.items()]))


def _measured_concepts(material: Material, first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    ids = material.test.ids
    codes = [SparseCodes.from_matrix(ids, np.maximum(side, 0)) for side in (first, second)]
    mms = float(mms_across(codes[0], first, codes[1], second).score.mean())
    found = search_by_codes(*codes) | {"mms": mms, "zero_shot": np.nan}
    if material.prompt_concepts is not None and material.labels is not None:
        found["zero_shot"] = zero_shot(codes[0].dense(), material.prompt_concepts, material.labels).accuracy
    return found


def _bridge(one: Shared) -> sp.csr_array:
    return bridge_score(*one.pair, first_decoder(one))


def _sides(found: Retrieval) -> tuple[Ranks, Ranks]:
    return found.image_to_text, found.text_to_image


def _search(found: Retrieval) -> dict[str, float]:
    sides = _sides(found)
    return {
        "r1": float(np.mean([side.recall(1) for side in sides])),
        "r5": float(np.mean([side.recall(5) for side in sides])),
        "mrr": float(np.mean([(1 / side.ranks).mean() for side in sides])),
    }


def _judged(material: Material, one: Shared) -> dict[str, float]:
    score, named = mms_by_judge(material, one), _named(material, one)
    return {
        "mms": np.nan if score is None else float(score.score.mean()),
        "mms_chance": np.nan if score is None else score.chance,
        "mms_above": np.nan if score is None else float((score.paired & (score.score > score.chance)).sum()),
        "zero_shot": np.nan if named is None else named.accuracy,
    }


def _named(material: Material, one: Shared) -> ZeroShot | None:
    """Zero-shot classification of the first members by their codes, None where the material has no classes."""
    classes = class_codes(material, one)
    if classes is None or material.labels is None:
        return None
    return code_zero_shot(one.pair[0], classes, material.labels)
