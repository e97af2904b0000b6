"""Checks of the exercises in the notebooks: `check` of `check.py`, and one `checks_NN.py` a notebook."""
