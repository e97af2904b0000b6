"""Applications for a user's own data: search, concepts, explorer, scores, foreign dictionaries, and the site."""
