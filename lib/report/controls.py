"""Sliders, menus and text fields in one style, for interactive notebooks.

Each reacts when you let go of it, or on the enter key, because a page may take seconds.
"""

from __future__ import annotations

from typing import Any

from ipywidgets import Dropdown, FloatSlider, IntSlider, Text

_LOOK: dict[str, Any] = {"layout": {"width": "34rem"}, "style": {"description_width": "8rem"}}


def slider(name: str, value: float, last: float, step: float = 1) -> IntSlider | FloatSlider:
    """Make a slider from 0 to `last`; it has whole numbers if the step is one."""
    kind = FloatSlider if isinstance(step, float) else IntSlider
    return kind(value, min=0, max=last, step=step, description=name, continuous_update=False, **_LOOK)


def menu(name: str, choices: list[tuple[str, int]], value: int) -> Dropdown:
    """Make a menu of pairs of a label and a value; `value` is selected first."""
    return Dropdown(options=choices, value=value, description=name, **_LOOK)


def text_field(name: str, value: str) -> Text:
    """Make a text field of one line."""
    return Text(value, description=name, continuous_update=False, **_LOOK)
