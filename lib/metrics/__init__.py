"""Numbers from embeddings and codes."""
