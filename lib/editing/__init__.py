"""Acting on sparse codes: steering, concept-level decoding, text-conditioned masks."""
