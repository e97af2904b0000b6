"""Paper 2: tables of whether the latents of dictionaries of pairs mean the same in pictures and in captions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.base.progress import progress
from lib.metrics.concept_alignment import concept_means, measure_alignment
from lib.metrics.fidelity import fvu
from lib.metrics.firing import firing
from lib.metrics.paired_codes import (
    frequent_latents,
    keep_common_latents,
    pair_cosine,
    roll_pairs,
    shared_share,
    silence_latents,
)
from lib.metrics.retrieval import retrieval
from lib.papers.p2.two_tower_dictionaries import FittedTwoTower
from lib.sae.models.two_towers import TOWERS
from lib.worlds.session import Session

_MEASURES = ("intra", "inter", "gap", "auc", "floor", "dealt")
"""Fields of an `Alignment` that are columns of the table."""


_CANDIDATES = 1000
"""Number of pairs, at most, among which codes are retrieved."""


def alignment_table(session: Session, fitted: Iterable[FittedTwoTower]) -> pd.DataFrame:
    """Alignment of pictures and captions, one row per dictionary and judge.

    Measured are the latents with full lists, TOP_MEMBERS pictures and as many captions: a mean of fewer is noisy, and a
    dictionary must not gain by latents that rarely fire. How many these are is the other half of the result.

    Columns: arm, k, seed, judge, the numbers of `Alignment`, latents (with full lists), coverage (their share of the
    width), sd (of intra - inter over trials), repeated (intra where captions that occur twice are kept), gap_any (intra
    - inter over latents with at least one picture and one caption). The numbers are empty for a dictionary in which
    fewer than two latents have what they take.
    """
    judges = session.world.pair_judges(session.world.concept_split)
    rows = []
    for f in progress(list(fitted), desc="alignment"):
        tops, repeats = f.top(), f.top(unique=False)
        full = (tops[0].counts == tops[0].m) & (tops[1].counts == tops[1].m)
        some = (tops[0].counts > 0) & (tops[1].counts > 0)
        for name, judge in judges.items():
            about = {"arm": f.arm.name, "k": f.sae.config.k, "seed": f.seed, "judge": name}
            about |= {"latents": int(full.sum()), "coverage": full.mean()}
            image, text = (concept_means(judge.tower(tower), top) for tower, top in zip(TOWERS, tops, strict=True))
            doubled = concept_means(judge.tower("text"), repeats[1])
            if full.sum() > 1:
                about |= _alignment_row(image[full], text[full], doubled[full], f.seed)
            if some.sum() > 1:
                about["gap_any"] = measure_alignment(image[some], text[some], np.random.default_rng(f.seed)).gap
            rows.append(about)
    columns = ["arm", "k", "seed", "judge", *_MEASURES, "latents", "coverage", "sd", "repeated", "gap_any"]
    return pd.DataFrame(rows, columns=columns)


def _alignment_row(image: np.ndarray, text: np.ndarray, doubled: np.ndarray, seed: int) -> dict[str, float]:
    found = measure_alignment(image, text, np.random.default_rng(seed))
    with_repeats = measure_alignment(image, doubled, np.random.default_rng(seed))
    row = {key: getattr(found, key) for key in _MEASURES}
    return row | {"sd": found.gaps.std(), "repeated": with_repeats.intra}


def code_table(fitted: Iterable[FittedTwoTower]) -> pd.DataFrame:
    """Codes of test pairs, one row per dictionary: FVU and dead latents of each tower, and agreement of the two codes.

    matched, random: code cosine of true and of other pairs; rare_*: without latents that fire on most rows, whose
    number is `frequent`. shared, shared_random: share of a picture's latents that the caption has. r1, r10:
    text-to-image recall among at most _CANDIDATES pairs, from codes alone. only_shared: FVU of pictures from the shared
    latents alone.
    """
    rows = []
    for f in progress(list(fitted), desc="codes"):
        data, (image, text) = f.embeddings("test"), f.test
        often, others = frequent_latents(image, text), roll_pairs(text)
        rare, rare_text = (silence_latents(codes, often) for codes in (image, text))
        few = min(_CANDIDATES, len(image))
        ranks = retrieval(image.csr()[:few].toarray(), text.csr()[:few].toarray()).text_to_image
        about = {"arm": f.arm.name, "k": f.sae.config.k, "seed": f.seed}
        both = zip(TOWERS, (image, text), strict=True)
        fidelity = {f"fvu_{t}": fvu(data.tower(t), f.sae.reconstruct(codes, t)) for t, codes in both}
        fidelity["only_shared"] = fvu(data.tower("image"), f.sae.reconstruct(keep_common_latents(image, text)[0]))
        rows.append(
            about
            | fidelity
            | {"dead_image": firing(image).dead_share, "dead_text": firing(text).dead_share}
            | {"matched": pair_cosine(image, text).mean(), "random": pair_cosine(image, others).mean()}
            | {"rare_matched": pair_cosine(rare, rare_text).mean()}
            | {"rare_random": pair_cosine(rare, roll_pairs(rare_text)).mean(), "frequent": int(often.sum())}
            | {"shared": shared_share(image, text).mean(), "shared_random": shared_share(image, others).mean()}
            | {"r1": ranks.recall(1), "r10": ranks.recall(10)}
        )
    return pd.DataFrame(rows)
