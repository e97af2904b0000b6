"""What users run on their own data: search, concepts, the explorer, scores, dictionaries of others, the site."""
