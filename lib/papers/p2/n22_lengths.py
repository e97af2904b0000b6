"""Paper 2, notebook 22: do longer trainings make better concepts of words? `python -m lib.papers.p2.n22_lengths`.

The notebook trains the auxiliary autoencoder and VL-SAE for 300 steps each. Here each trains up to sixteen times as
long, and the edits answer the dev questions with every word shifted by itself, at each weight. It takes a quarter of an
hour on one core; `docs/errata.md` gives its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import typer

from lib.papers.p2.n22_arms import at_their_best
from lib.papers.p2.n22_edits import paired_representations, train_edits
from lib.papers.p2.n22_evidence import ADDITIVE
from lib.papers.p2.n22_partners import Exam, exam
from lib.worlds.profiles import load_profile
from lib.worlds.session import open_session

LENGTHS = ((300, 300), (300, 1200), (1200, 300), (1200, 1200), (4800, 1200), (1200, 4800))
"""Steps of the auxiliary autoencoder and of VL-SAE; the first pair are those of the notebook."""


def length_table(of: Exam, lengths: Sequence[tuple[int, int]] = LENGTHS, overrides: Sequence[str] = ()) -> pd.DataFrame:
    """One row per pair of lengths and weight: auxiliary, vl_sae (steps), weight, accuracy (mean over seeds).

    The rule is the additive one. of: the dev exam.
    """
    session = open_session("22_hallucination", load_profile("scenes", overrides))
    rows, parts = paired_representations().rows(each=True), []
    for auxiliary, vl_sae in lengths:
        trained = train_edits(session, rows, each=True, auxiliary_steps=auxiliary, steps=vl_sae)
        additive = {key: edit for key, edit in trained.items() if key[0] == ADDITIVE}
        tried = at_their_best(additive, of)[1].drop(columns="rule")
        parts.append(tried.assign(auxiliary=auxiliary, vl_sae=vl_sae))
    return pd.concat(parts, ignore_index=True)[["auxiliary", "vl_sae", "weight", "accuracy"]]


def main() -> None:
    """Print the accuracies, a column for each weight."""
    table = length_table(exam("dev"))
    print(table.pivot(index=["auxiliary", "vl_sae"], columns="weight", values="accuracy").round(4).to_string())


if __name__ == "__main__":
    typer.run(main)
