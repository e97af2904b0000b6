"""Sliders, menus and text fields of one look, for notebooks that answer to them.

Each answers when it is let go, or to the enter key: a page may take seconds.
"""

from __future__ import annotations

from typing import Any

from ipywidgets import Dropdown, FloatSlider, IntSlider, Text

_LOOK: dict[str, Any] = {"layout": {"width": "34rem"}, "style": {"description_width": "8rem"}}


def slider(name: str, value: float, last: float, step: float = 1) -> IntSlider | FloatSlider:
    """A slider from 0 to `last`; of whole numbers if the step is one."""
    kind = FloatSlider if isinstance(step, float) else IntSlider
    return kind(value, min=0, max=last, step=step, description=name, continuous_update=False, **_LOOK)


def menu(name: str, choices: list[tuple[str, int]], value: int) -> Dropdown:
    """A menu of what is shown and what it stands for; value: what stands chosen."""
    return Dropdown(options=choices, value=value, description=name, **_LOOK)


def text_field(name: str, value: str) -> Text:
    """A line of text."""
    return Text(value, description=name, continuous_update=False, **_LOOK)
