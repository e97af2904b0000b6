from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd

from lib.report.scoreboard_figure import LOOKS, scoreboard_figure


def test_a_panel_a_paper_and_a_sign_for_each_verdict() -> None:
    board = pd.DataFrame(
        {
            "statement": ["a", "b", "c"],
            "scenes": ["reproduced", "partly", "not reproduced"],
            "photos": ["", "not testable here", ""],
        },
        index=pd.Index(["p1.C1", "p1.C2", "p4.5"], name="claim"),
    )
    fig = scoreboard_figure(board)
    first, second = fig.axes
    assert [ax.get_title() for ax in fig.axes] == ["paper 1", "paper 4"]
    assert [label.get_text() for label in first.get_xticklabels()] == ["scenes", "photos"]
    assert [label.get_text() for label in second.get_xticklabels()] == ["scenes"], (
        "a world without a claim has no column"
    )
    assert [text.get_text() for text in first.texts] == ["●", "", "◐", "–"]
    assert len({symbol for _, symbol, _ in LOOKS.values()}) == len(LOOKS)
    plt.close(fig)
