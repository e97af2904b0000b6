"""Sources of pairs: file formats, one file per data set, and the procedural worlds."""
