from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.base.errors import CompanionError
from lib.report.tables import Table, is_table, show_table, write_table

TABLE = pd.DataFrame({"model": ["raw", "TopK"], "latents": [64, 1024], "ms": [0.02849, np.nan], "fvu": [-1e-9, 0.125]})


def test_csv_is_plain(tmp_path):
    path = write_table(TABLE, tmp_path / "ms.csv", 3)
    assert path.read_bytes() == b"model,latents,ms,fvu\nraw,64,0.028,0.000\nTopK,1024,,0.125\n"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), st.integers(0, 6))
def test_csv_reads_back_rounded(tmp_path_factory, values, decimals):
    folder = tmp_path_factory.mktemp("tables")
    first = write_table(pd.DataFrame({"ms": values}), folder / "a.csv", decimals)
    read = pd.read_csv(first)["ms"].astype(np.float64)
    assert np.abs(read.to_numpy() - values).max() <= 0.5 * 10.0**-decimals + 1e-9
    again = write_table(pd.DataFrame({"ms": read}), folder / "b.csv", decimals)
    assert again.read_bytes() == first.read_bytes()


def test_show_table_prints_text(capsys):
    show_table(TABLE, 2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["model", "latents", "ms", "fvu"],
        ["raw", "64", "0.03", "0.00"],
        ["TopK", "1024", "0.12"],
    ]


def test_a_notebook_shows_it_as_html():
    long = "x" * 200
    html = Table(TABLE.assign(model=["<b>", long]), 2)._repr_html_()
    cells = [line.strip() for line in html.splitlines() if "<td>" in line]
    assert cells == [f"<td>{text}</td>" for text in ["&lt;b&gt;", "64", "0.03", "-0.00", long, "1024", "", "0.12"]]
    assert is_table(html) and html.count("<th>") == 4


@pytest.mark.parametrize(
    "foreign", ["<script>x</script>", '<td onclick="x">', '<a href="x">', "<img src=x>", "</table><table>"]
)
def test_other_html_is_no_table(foreign):
    html = Table(TABLE, 2)._repr_html_()
    assert is_table(html) and not is_table(html.replace("<td>raw", foreign + "raw")) and not is_table(html + foreign)
    assert not is_table("")


def test_a_table_of_what_nothing_has_is_its_header(tmp_path):
    assert write_table(TABLE.iloc[:0], tmp_path / "ms.csv", 3).read_text() == "model,latents,ms,fvu\n"


@pytest.mark.parametrize(
    ("table", "name", "message"),
    [
        (TABLE, "ms.tsv", "suffix .csv"),
        (TABLE[[]], "ms.csv", "is empty"),
        (TABLE.set_index("model"), "ms.csv", r"reset_index\(\)"),
        (TABLE.assign(ms=np.inf), "ms.csv", "column ms: infinite"),
    ],
)
def test_bad_tables_are_refused(tmp_path, table, name, message):
    with pytest.raises(CompanionError, match=message):
        write_table(table, tmp_path / name, 3)
    assert not list(tmp_path.iterdir())
