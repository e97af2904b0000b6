"""Graded exercises with solutions: one file a notebook, one function an exercise.

The docstring is the question and opens with its grade; the body is the solution; what it returns is the answer, which
`tests/exercises` checks. `python -m lib classroom FOLDER` puts them into the notebooks, with and without their bodies.
"""
