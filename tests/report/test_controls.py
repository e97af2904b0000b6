from __future__ import annotations

from ipywidgets import FloatSlider, IntSlider

from lib.report.controls import menu, slider, text_field


def test_sliders_answer_when_let_go() -> None:
    whole, half = slider("place", 3, 9), slider("strength", 2, 6, 0.5)
    assert isinstance(whole, IntSlider) and (whole.value, whole.min, whole.max, whole.step) == (3, 0, 9, 1)
    assert isinstance(half, FloatSlider) and (half.value, half.min, half.max, half.step) == (2, 0, 6, 0.5)
    assert whole.description == "place"
    assert (
        not whole.continuous_update and not half.continuous_update and not text_field("caption", "a").continuous_update
    )


def test_a_menu_shows_names_and_gives_places() -> None:
    made = menu("concept", [("cat (latent 7)", 1), ("dog (latent 3)", 0)], 1)
    assert made.value == 1
    made.label = "dog (latent 3)"
    assert made.value == 0
