"""Paper 3: the dictionaries of a world's embeddings, measured together with their controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lib.papers.p3.control_arms import ControlArm, measure_controls
from lib.papers.p3.measured_runs import MeasuredRuns
from lib.papers.p3.measures import measure_dictionaries, pair_table, references
from lib.papers.p3.pair_dictionaries import Material, Shared
from lib.worlds.session import Session


def measure_runs(
    session: Session, material: Material, fitted: Sequence[Shared], controls: Mapping[str, ControlArm]
) -> MeasuredRuns:
    """The dictionaries of a world, measured also pair by pair, as all seeds share the test pairs; and the controls."""
    trained = measure_controls(material, controls, session.seeds, session.device)
    return MeasuredRuns(
        measure_dictionaries(material, fitted),
        len(material.test),
        pd.concat([trained, references(material, session.seeds)], ignore_index=True),
        pair_table(material, fitted),
    )
