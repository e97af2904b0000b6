"""Columns of the tables of two-tower dictionaries over seeds, picked by arm and number of active latents."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lib.report.seeds import per_seed

MAIN = ("VL-SAE", "SAE-S", "SAE-D")
"""The paper's model and its two baselines."""


def ks(table: pd.DataFrame) -> list[int]:
    """The numbers of active latents with which a table has VL-SAE, increasing."""
    return sorted(int(k) for k in table.k[table.arm == "VL-SAE"].unique())


def of(table: pd.DataFrame, column: str, arm: str, k: int | None = None) -> np.ndarray:
    """(seeds,): a column of an arm. k None: the arm's largest."""
    return per_seed(table, column, arm=arm, k=table.k[table.arm == arm].max() if k is None else k)


def lead(table: pd.DataFrame, column: str, arm: str, other: str) -> np.ndarray:
    """(seeds,): an arm minus another, each at its largest K, with the same seed."""
    return of(table, column, arm) - of(table, column, other)


def known_arms(table: pd.DataFrame, column: str, arms: Iterable[str]) -> list[str]:
    """The arms that have a number in a column with every seed."""
    return [arm for arm in arms if np.isfinite(of(table, column, arm)).all()]
