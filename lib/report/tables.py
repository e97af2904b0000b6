"""Tables: plain CSV next to the claims, HTML in the notebooks, and plain text in a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import display

from lib.base.errors import CompanionError
from lib.base.files import write_atomic


def write_table(table: pd.DataFrame, path: Path, decimals: int) -> Path:
    """Write a table as CSV, floats with `decimals` places; the same table gives the same bytes.

    A cell without a value (NaN) stays empty, and a table of values that do not exist, such as the pairs of a single
    seed, has no row. The index is not written: call `reset_index()` first if it has meaning.
    """
    if path.suffix != ".csv":
        raise CompanionError(f"table {path.name} needs the suffix .csv")
    write_atomic(path, _rounded(table, path.name, decimals).to_csv(index=False, float_format=f"%.{decimals}f"))
    return path


def show_table(table: pd.DataFrame, decimals: int = 3) -> None:
    """Show a table, floats with `decimals` places, in a cell tagged `nbval-ignore-output`."""
    display(Table(_rounded(table, "shown", decimals), decimals))


class Table:
    """A table as IPython shows it: HTML in a notebook, text in a terminal."""

    def __init__(self, table: pd.DataFrame, decimals: int) -> None:
        self.table, self.float_format = table, f"%.{decimals}f"

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):  # pandas would cut long texts
            return self.table.to_html(index=False, border=0, float_format=self.float_format, na_rep="")

    def __repr__(self) -> str:
        return self.table.to_string(index=False, float_format=self.float_format, na_rep="")


_TABLE = re.compile(
    r'<table class="dataframe">'
    r'(?:[^<>]|</?(?:thead|tbody|tr|th|td)>|<tr style="text-align: right;">)*</table>'
)


def is_table(html: str) -> bool:
    """Return whether HTML is what a `Table` shows, and nothing else."""
    return _TABLE.fullmatch(html) is not None


def _rounded(table: pd.DataFrame, name: str, decimals: int) -> pd.DataFrame:
    if len(table.columns) == 0:
        raise CompanionError(f"table {name} is empty; a table has at least one column")
    if not isinstance(table.index, pd.RangeIndex):
        raise CompanionError(f"table {name} has an index that would be lost; call reset_index() first")
    floats = table.select_dtypes("floating").columns
    infinite = [str(column) for column in floats if np.isinf(table[column].to_numpy()).any()]
    if infinite:
        raise CompanionError(f"table {name}, column {infinite[0]}: infinite; leave the cell empty (NaN) and say why")
    # Adding zero turns -0.0, a rounded tiny negative number, into 0.0.
    return table.assign(**{column: table[column].astype(np.float64).round(decimals) + 0.0 for column in floats})
