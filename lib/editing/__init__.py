"""Edits of sparse codes: steering, concept-level decoding, text-conditioned masks."""
