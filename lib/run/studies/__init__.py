"""Experiments that notebooks call: each file trains and measures what one or two notebooks show."""
