"""Encoders that turn pairs into vectors, and the store that keeps the vectors."""
