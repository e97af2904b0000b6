"""The ground: errors, files and the cache, progress, workers, places."""
