"""Metrics: numbers computed from embeddings and codes."""
