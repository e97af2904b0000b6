"""Where pairs come from: file formats, one file per data set, the procedural worlds."""
