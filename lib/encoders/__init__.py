"""Pairs to vectors, and the store that keeps them."""
