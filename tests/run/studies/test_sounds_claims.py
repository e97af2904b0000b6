"""Claims on sounds: a story as the paper tells it is reproduced, one told backwards is not."""

from __future__ import annotations

import pandas as pd

from lib.run.studies.sounds_claims import ARMS, claims, weight_claim

IDS = {f"p3.C{i}" for i in (1, 2, 3, 4, 5, 6, 8, 9, 10)}
DENSE = {"r1": 0.5, "zero_shot": 0.9}


def story(order: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measures that rise from arm to arm, or fall, with a little scatter over seeds."""
    rows, gains = [], []
    for place, arm in enumerate(ARMS):
        for seed in range(3):
            level = 0.1 + 0.05 * order * place + 0.001 * seed
            upward = ("cosine", "balanced", "r1", "zero_shot", "mms", "mms_above")
            values = {name: level for name in upward} | {"fvu": level / 5 + 0.3, "strangers": 0.01}
            rows.append({"arm": arm, "seed": seed, "both": 1000 * level, "dead": 10 - order * place, **values})
            gains.append({"arm": arm, "seed": seed, "gain": level, "random_gain": 0.0})
    return pd.DataFrame(rows), pd.DataFrame(gains)


def test_the_papers_story_is_reproduced() -> None:
    table, steering = story(1)
    found = {claim.id: claim for claim in claims(table, steering, DENSE, 100)}
    assert set(found) == IDS
    assert {claim.verdict for claim in found.values()} == {"reproduced"}
    assert all(claim.notebook == "32_audio" and claim.n == 100 for claim in found.values())
    assert found["p3.C4"].controls["dense embeddings: r1"] == 0.5
    assert abs(found["p3.C2"].effect - 50) < 1e-9, "GSAE minus SAE-2b"


def test_the_story_told_backwards_is_not() -> None:
    found = {claim.id: claim.verdict for claim in claims(*story(-1), DENSE, 100)}
    assert {found[id] for id in ("p3.C2", "p3.C3", "p3.C4", "p3.C5", "p3.C8", "p3.C10")} == {"not reproduced"}
    assert found["p3.C1"] == "reproduced" and found["p3.C6"] == found["p3.C9"] == "partly"


def test_the_sweep_of_lambda() -> None:
    rows = [(f, s, 0.1 * (1 + f) + 0.01 * s, 0.1 + 0.05 * f, 8 - 0.1 * f) for f in (0, 1, 4, 8) for s in range(3)]
    sweep = pd.DataFrame(rows, columns=["factor", "seed", "cosine", "fvu", "l0"])
    claim = weight_claim(sweep, 8, 100)
    assert claim.verdict == "reproduced" and claim.notebook == "32_audio" and abs(claim.effect - 0.8) < 1e-9
    assert weight_claim(sweep.assign(l0=8.0), 8, 100).verdict == "partly"
